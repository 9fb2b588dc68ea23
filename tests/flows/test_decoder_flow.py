"""Decoders on the command line: build, generate, refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sterna_flows
from sterna.decoder.building import build_decoder
from sterna.decoder.design import DecoderDesign
from sterna.decoder.estimate import DecoderEstimate, MemoryTiming
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.image import write_image
from sterna.decoder.source import DecoderSource
from sterna_flows import decoder_simulation
from sterna_flows.cli import run
from sterna_flows.decoder_schedule import Bar, Timeline, read_schedule
from sterna_flows.report_file import DECODER_SCHEMA, problems, read_report
from sterna_flows.synthesis import harness_of
from sterna_sim.decoder.checkpoints import Comparison
from sterna_sim.decoder.rtl_decoder import RunResult
from tests.sw.decoder.random_decoder import TINY, random_decoder

SMALL = DecoderHardware(
    ports=1,
    lanes=2,
    tables=8,
    queries=4,
    best_count=3,
    prefetch_words=64,
    burst_beats=16,
    large_style="block",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decoder") / "tiny"
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    build_decoder(source, "xck26", folder, hardware=SMALL)
    return folder


def test_folder_is_whole(built: Path) -> None:
    design = DecoderDesign(built)
    assert design.hardware == SMALL and design.record["synthetic"]
    image = design.image / "port0.bin"
    assert image.stat().st_size == design.layout.image_bytes
    assert set(design.files()) >= {"decoder.v", "program.hex", "sterna_memory.v"}
    assert (built / "program.txt").read_text().startswith("STREAM")


def test_report_has_the_common_fields(built: Path) -> None:
    """It obeys the schema; layers, cycles and units are those of model, estimate and hardware."""
    report = read_report(built)
    assert (report["kind"], report["model"]) == ("decoder", "synthetic:tiny")
    assert (report["target"], report["clock_mhz"]) == ("xck26", 250)
    core = DecoderDesign(built).config.core
    assert report["cycles"]["prompt"] == TINY.context - 1 and report["cycles"]["tokens"] == 2
    told = DecoderEstimate(core, MemoryTiming()).run(TINY.context - 1, 2)
    assert report["cycles"]["latency"] == {"predicted": told.latency}
    assert report["cycles"]["interval"] == {"predicted": told.interval}
    names = [layer["name"] for layer in report["layers"]]
    assert names == ["begin", "layers.0", "layers.1", "head"]
    busy = sum(layer["cycles"] for layer in report["layers"])
    assert 0 < told.passes[-1].cycles - busy < 40
    assert report["layers"][0]["parallelism"]["tables"] == SMALL.tables
    for kind, total in report["estimated"].items():
        assert total == pytest.approx(sum(unit["estimated"][kind] for unit in report["units"]))
    assert set(report["files"]) == {
        str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()
    }


def test_simulations_are_recorded(
    built: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What runs gave gets into the report: words, differences, cycles beside the predicted ones.
    The simulator is played: it gives the golden tokens at told times."""
    folder = tmp_path / "copy"
    shutil.copytree(built, folder)
    design = DecoderDesign(folder)
    found: dict[str, str | None] = {"none": None, "random": None}

    class Played:
        def run_whole(self, prompt: list[int], count: int) -> RunResult:
            tokens = GoldenDecoder(design.model).generate(prompt, count)
            cycles = [1000 + 100 * step for step in range(count)]
            return RunResult(
                tokens, cycles=cycles, counters={"busy_cycles": 1010 + 100 * (count - 1)}
            )

    @contextmanager
    def opened(design: DecoderDesign, **options: Any) -> Iterator[Played]:
        yield Played()

    def compared(*arguments: Any) -> Comparison:
        return Comparison(7, 111, found["random"])

    timeline = Timeline((Bar("engine", "MATMUL", 0, 9),), (), 16.0)
    monkeypatch.setattr(decoder_simulation, "open_rtl", opened)
    monkeypatch.setattr(decoder_simulation, "read_timeline", lambda *arguments: timeline)
    monkeypatch.setattr(decoder_simulation, "compare_checkpoints", compared)
    options = ["--inputs", "3", "--tokens", "3"]
    assert run(["sim", str(folder), *options, "--stall", "random", "--stall", "none"]) == 0
    report = read_report(folder)
    assert report["exact"] == {"words": 2 * 118, "mismatches": 0}
    assert "schedule.json" in report["files"]
    cycles = report["cycles"]
    assert (cycles["prompt"], cycles["tokens"], cycles["memory"]) == (3, 3, "none")
    assert cycles["latency"]["simulated"] == 1010 and cycles["interval"]["simulated"] == 100
    # The last of three tokens follows from the pass at position 4.
    assert read_schedule(folder) == (timeline, {"memory": "none", "position": 4})
    prompt = decoder_simulation.opening_tokens(design, 3)
    tokens = GoldenDecoder(design.model).generate(prompt, 3)
    told = DecoderEstimate(design.config.core, MemoryTiming()).run(3, 3, tokens=[*prompt, *tokens])
    assert cycles["latency"]["predicted"] == round(told.latency)
    assert told.interval is not None
    assert cycles["interval"]["predicted"] == round(told.interval)
    predicted = f"{cycles['latency']['predicted']:,}"
    assert f"first token 1,010 cycles (predicted {predicted})" in capsys.readouterr().out
    # A difference is counted and named, and gives no cycles.
    found["random"] = "layer 0, value of token 1"
    assert run(["sim", str(folder), *options, "--stall", "random"]) == 1
    assert "layer 0, value of token 1" in capsys.readouterr().err
    report = read_report(folder)
    assert report["exact"] == {"words": 118, "mismatches": 1}
    assert report["cycles"] == cycles
    assert [run["problem"] for run in report["simulation"]] == ["layer 0, value of token 1"]


def test_same_bytes_again(built: Path, tmp_path: Path) -> None:
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    build_decoder(source, "xck26", tmp_path / "again", hardware=SMALL)
    paths = [path.relative_to(built) for path in built.rglob("*") if path.is_file()]
    assert len(paths) > 20
    for path in paths:
        assert (built / path).read_bytes() == (tmp_path / "again" / path).read_bytes(), path
        assert str(built.parent).encode() not in (built / path).read_bytes(), path


def test_another_model_has_another_hash(built: Path, tmp_path: Path) -> None:
    source = DecoderSource("synthetic:tiny", shape=replace(TINY, layers=1), seed=3)
    other = build_decoder(source, "xck26", tmp_path / "other", hardware=SMALL)
    record = DecoderDesign(built).record
    assert other.record["model_hash"] != record["model_hash"]
    assert other.record["build_hash"] != record["build_hash"]


def test_a_folder_answers_to_its_own_image_only(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever loads an image refuses a foreign or damaged one before anything is compiled."""
    folder = tmp_path / "copy"
    shutil.copytree(built, folder)
    image = folder / "memory" / "port0.bin"
    whole = image.read_bytes()
    design = DecoderDesign(folder)
    core, other = design.config.core, random_decoder(TINY, 4)
    write_image(other, design.layout, core.matmul, core.trits, tmp_path)
    changed = bytearray(whole)
    changed[design.layout.sections["head"].address - 100] ^= 1
    cases = (
        (whole[:-1], "cut off"),
        (whole + b"0", "something was added"),
        (bytes(changed), "sha256 differs"),
        ((tmp_path / "port0.bin").read_bytes(), "another model"),
    )
    for content, words in cases:
        image.write_bytes(content)
        for command in (["generate", "--engine", "rtl", "--prompt", "1"], ["sim", "--inputs", "3"]):
            assert run([command[0], str(folder), *command[1:]]) == 2
            error = capsys.readouterr().err
            lines = [line for line in error.splitlines() if line.startswith("sterna: ")]
            assert len(lines) == 1 and str(image) in lines[0] and words in lines[0]
    image.unlink()
    assert run(["sim", str(folder), "--inputs", "3"]) == 2
    assert str(image) in capsys.readouterr().err


def test_generate_is_the_golden_decoder(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", str(built), "--prompt", "1,2,3", "--tokens", "6"]) == 0
    expected = GoldenDecoder(DecoderDesign(built).model).generate([1, 2, 3], 6)
    assert capsys.readouterr().out.split() == [str(token) for token in expected]


def test_golden_text_tells_what_the_hardware_would_reach(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["generate", str(built), "--prompt", "1,2,3", "--tokens", "6"]) == 0
    error = capsys.readouterr().err
    design = DecoderDesign(built)
    model = DecoderEstimate(design.hardware.core(TINY), MemoryTiming(16))
    # Of five tokens after the first: those decoded at positions 3 and 7.
    cycles = [model.run(1, 2, position - 1).passes[1].cycles for position in (3, 7)]
    rate = 250e6 / (sum(cycles) / 2)
    assert f"would reach {rate:,.0f} tokens/s at 250 MHz (estimated)" in error
    moved = sum(design.layout.token_bytes(position) for position in (3, 7))
    assert f"{moved / (sum(cycles) * 16):.0%} of the memory roofline" in error


def test_a_text_that_fills_the_context_says_so(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["generate", str(built), "--prompt", "1,2,3", "--tokens", "1000"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.split()) == TINY.context - 3
    last = captured.err.strip().splitlines()[-1]
    assert last == "The text ends after 21 of 1000 tokens: the context of 24 is full"


def test_a_temperature_alone_draws_from_all_that_the_build_shows(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--prompt", "5", "--temperature", "1000", "--tokens", "20"]
    assert run(["generate", str(built), *options]) == 0
    alone = capsys.readouterr().out
    assert run(["generate", str(built), *options, "--top-k", str(SMALL.best_count)]) == 0
    assert alone == capsys.readouterr().out
    assert run(["generate", str(built), *options, "--top-k", "1"]) == 0
    assert alone != capsys.readouterr().out
    folder = tmp_path / "one"
    shutil.copytree(built, folder)
    record = json.loads((folder / "decoder.json").read_text())
    record["hardware"]["best_count"] = 1
    (folder / "decoder.json").write_text(json.dumps(record))
    assert run(["generate", str(folder), *options]) == 2
    error = capsys.readouterr().err
    assert "Temperature must be 0 for a build that shows one logit only, not 1000" in error
    assert "--best" in error and error.count("\n") == 1


def test_candidates_alone_are_drawn_from(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Naming candidates asks for a draw, at the model's own probabilities."""
    options = ["generate", str(built), "--prompt", "5", "--tokens", "20"]
    told = []
    for more in (["--top-k", "4"], ["--top-k", "4", "--temperature", "1"], []):
        assert run([*options, *more]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] != told[2]


@pytest.mark.parametrize("suffix", [".v", ".hex"])
def test_text_by_verilog_of_which_something_is_gone(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    folder = tmp_path / "part"
    shutil.copytree(built, folder)
    gone = sorted(folder.glob(f"*{suffix}"))[0]
    gone.unlink()
    assert run(["generate", str(folder), "--prompt", "1", "--engine", "rtl"]) == 2
    error = capsys.readouterr().err
    assert f"lacks {gone.name}" in error and error.count("\n") == 1


def test_the_models_end_of_text_ends_a_text(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = GoldenDecoder(DecoderDesign(built).model).generate([1, 2, 3], 8)
    ending = expected[2]
    folder = tmp_path / "ending"
    shutil.copytree(built, folder)
    (folder / "model" / "shape.json").write_text(replace(TINY, end_of_text=ending).to_json())
    options = ["--prompt", "1,2,3", "--tokens", "8"]
    assert run(["generate", str(folder), *options]) == 0
    told = [int(token) for token in capsys.readouterr().out.split()]
    assert told == expected[: expected.index(ending) + 1] and len(told) < 8
    other = next(token for token in range(TINY.vocabulary) if token not in expected)
    assert run(["generate", str(folder), *options, "--stop", str(other)]) == 0
    assert [int(token) for token in capsys.readouterr().out.split()] == expected
    # Nothing of the hardware depends on it: the folder's image is still the right one.
    DecoderDesign(folder).check_image()


def test_the_python_interface_has_the_commands(built: Path) -> None:
    made = sterna_flows.generate(built, "1,2,3", 4)
    assert made.tokens == GoldenDecoder(DecoderDesign(built).model).generate([1, 2, 3], 4)
    assert made.estimated and made.tokens_per_second
    told = sterna_flows.estimate("synthetic:tiny", "xck26", lanes=2, prompt=5)
    assert told["hardware"]["lanes"] == 2
    assert [phase["name"] for phase in told["phases"]] == ["prefill", "decode"]


def test_draws_repeat_by_seed(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for seed in ("1", "1", "2"):
        options = ["--temperature", "30", "--top-k", "8", "--seed", seed, "--tokens", "12"]
        assert run(["generate", str(built), "--prompt", "5", *options]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prompt", "1,99"], "Token must be 0 to 36, not 99"),
        (["--prompt", "hello"], "Prompt must be token numbers"),
        (["--prompt", ""], "Prompt must have one token or more"),
        (["--prompt", ",".join(["1"] * 24)], "shorter than the context of 24"),
        (["--prompt", "1", "--tokens", "0"], "Number of tokens must be 1 or more"),
        (["--prompt", "1", "--engine", "gpu"], "Engine must be golden, rtl or board, not 'gpu'"),
        (["--prompt", "1", "--temperature", "-1"], "Temperature must be 0 or more"),
        (["--prompt", "1", "--seed", "-1"], "Seed must be 0 or more, not -1"),
        (["--prompt", "1", "--stop", "x"], "Stop must be a token number from 0 to 36, not 'x'"),
        (["--prompt", "1", "--stop", "37"], "Stop must be a token number from 0 to 36, not '37'"),
        (["--prompt", "1", "--stop", "-2"], "Stop must be a token number from 0 to 36, not '-2'"),
        (
            ["--prompt", "1", "--engine", "rtl", "--temperature", "1", "--top-k", "4"],
            "Top-k must be at most the 3 logits",
        ),
    ],
)
def test_bad_requests(
    built: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["generate", str(built), *options]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["synthetic:gpt", "-t", "xck26"], "Shape must be one of"),
        (["synthetic:bitnet-0.7b"], "Target must be given"),
        (["synthetic:bitnet-0.7b", "-t", "moon"], "moon"),
        (["synthetic:bitnet-0.7b", "-t", "xck26", "--layers", "99"], "Layers must be"),
        (["synthetic:bitnet-0.7b", "-t", "ecp5-25k"], "must fit ecp5-25k"),
        (["synthetic:bitnet-0.7b", "-t", "xck26", "--ports", "5"], "ports must be 1 to 4"),
        (
            ["synthetic:bitnet-0.7b", "-t", "xck26", "--memory", "tape"],
            "Memory must be external or",
        ),
        (
            ["shakespeare_ternary", "-t", "ecp5-85k"],
            "Memory of a decoder on the chip of ecp5-85k must be at most 352256 bytes, not 619408",
        ),
    ],
)
def test_bad_builds(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["build", *arguments, "-o", str(out)]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.strip().splitlines()) == 1
    assert not out.exists()


def test_memory_on_the_chip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An ECP5 gets it unasked: the image is in the memory's file, and there are no memory ports."""
    shape = tmp_path / "shape.json"
    shape.write_text(TINY.to_json())
    folder = tmp_path / "built"
    assert run(["build", f"synthetic:{shape}", "-t", "ecp5-85k", "-o", str(folder)]) == 0
    assert "Memory on the chip: 0.0" in capsys.readouterr().out
    design = DecoderDesign(folder)
    assert design.hardware.memory == "on-chip"
    (memory,) = design.config.memories
    assert 16 * memory.rows == design.layout.memory_bytes
    rows = [int(row, 16) for row in (folder / "memory0.hex").read_text().split()]
    assert tuple(rows[: len(memory.init)]) == memory.init and not any(rows[len(memory.init) :])
    write_image(
        design.model, design.layout, design.config.core.matmul, design.config.core.trits, tmp_path
    )
    image = (tmp_path / "port0.bin").read_bytes()
    assert b"".join(row.to_bytes(16, "little") for row in memory.init) == image
    assert "m_axi0" not in (folder / "decoder.v").read_text()
    contents = (folder / "memory0.hex").read_text()
    (folder / "memory0.hex").write_text(contents[: len(contents) // 2])
    for command in (["sim", str(folder), "--inputs", "3"], ["synth", str(folder)]):
        assert run(command) == 2
        assert "memory0.hex must have" in capsys.readouterr().err
    (folder / "memory0.hex").write_text(contents)
    harness = harness_of((folder / "decoder.v").read_text())
    assert not harness.has_streams and harness.address_width == 13
    assert not problems(json.loads((folder / "report.json").read_text()), DECODER_SCHEMA)
    assert run(["sim", str(folder), "--inputs", "3", "--stall", "random"]) == 2
    assert "Memory must be one of none or all, not 'random'" in capsys.readouterr().err


def test_place_and_route_needs_memory_on_the_chip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    folder = tmp_path / "built"
    build_decoder(source, "ecp5-85k", folder, hardware=SMALL)
    assert run(["synth", str(folder), "--pnr"]) == 2
    error = capsys.readouterr().err
    assert "build it with --memory on-chip" in error and len(error.strip().splitlines()) == 1


def test_damaged_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    source.checkpoint.write(tmp_path / "model")
    weights = tmp_path / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert run(["build", str(tmp_path / "model"), "-t", "xck26", "-o", str(tmp_path / "o")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--position", "-1"],
            "Position of 1 tokens must be 0 to 2047 in a context of 2048, not -1",
        ),
        (["--position", "2048"], "in a context of 2048, not 2048"),
        (["--prompt", "0"], "Tokens of a prompt must be 1 or more, not 0"),
    ],
)
def test_a_large_run_is_refused_before_its_image_is_written(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", "large", "--layers", "1", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_memory_on_the_chip_in_banks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found when the text model of the zoo was built for an ECP5: a larger memory has a file for
    each bank, and all of them are checked before they are used."""
    shape = tmp_path / "shape.json"
    shape.write_text(replace(TINY, context=512).to_json())
    folder = tmp_path / "built"
    assert run(["build", f"synthetic:{shape}", "-t", "ecp5-85k", "-o", str(folder)]) == 0
    (memory,) = DecoderDesign(folder).config.memories
    assert memory.files[:2] == ("memory0_bank0.hex", "memory0_bank1.hex")
    rows = [int(row, 16) for name in memory.files for row in (folder / name).read_text().split()]
    assert len(rows) == memory.rows and tuple(rows[: len(memory.init)]) == memory.init
    contents = (folder / memory.files[1]).read_text()
    (folder / memory.files[1]).write_text(contents.replace("0", "1", 1))
    assert run(["sim", str(folder), "--inputs", "3"]) == 2
    assert f"{memory.files[1]} must " in capsys.readouterr().err
