"""`sterna estimate`: the same figures as tables and as JSON, those of the model, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sterna.decoder.estimate import DecoderEstimate, MemoryTiming
from sterna.decoder.hardware import recommended_hardware
from sterna.decoder.shape import BITNET_0B7
from sterna.decoder.source import find_decoder
from sterna_flows.cli import run
from sterna_hw.base import find_device
from sterna_models import text_zoo

ZOO = "shakespeare_ternary"
SMALL = ["--target", "xck26", "--layers", "1", "--prompt", "3"]


def estimated(folder: Path, *arguments: str) -> dict[str, Any]:
    path = folder / "estimate.json"
    assert run(["estimate", *arguments, "--json", str(path)]) == 0
    return json.loads(path.read_text())


def test_a_zoo_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Phases are those of the model, sums are right, the tables have the same numbers."""
    told = estimated(tmp_path, ZOO, "--target", "xck26", "--prompt", "20", "--lanes", "4")
    output = capsys.readouterr().out
    assert told["model"] == ZOO and not told["synthetic"] and told["clock_mhz"] == 250
    prefill, decode = told["phases"]
    source = find_decoder(str(text_zoo.folder(ZOO)))
    assert source is not None
    shape = source.checkpoint.shape
    hardware = replace(recommended_hardware(find_device("xck26"), shape), lanes=4)
    model = DecoderEstimate(hardware.core(shape), MemoryTiming())
    passes = model.run(20).passes
    assert prefill["cycles"] == round(sum(done.cycles for done in passes))
    assert (prefill["tokens"], prefill["passes"], decode["position"]) == (20, 5, 20)
    assert decode["cycles"] == round(model.run(1, 2, 19).passes[1].cycles)
    assert decode["bytes"] == hardware.layout(shape).token_bytes(20)
    for phase in told["phases"]:
        assert sum(phase["kinds"].values()) == pytest.approx(phase["cycles"], abs=10)
        layers = sum(layer["cycles"] for layer in phase["layers"])
        waiting = phase["kinds"]["WAIT"]
        assert layers + waiting == pytest.approx(phase["cycles"], abs=10)
        assert [layer["name"] for layer in phase["layers"]] == [
            "begin", *(f"layers.{number}" for number in range(shape.layers)), "head"
        ]  # fmt: skip
        rate = phase["tokens"] * 250e6 / phase["cycles"]
        assert phase["tokens_per_second"] == pytest.approx(rate, rel=1e-3)
        assert phase["roofline_cycles"] == pytest.approx(phase["bytes"] / 64, abs=1)
        assert 0 < phase["roofline_share"] < 1
        assert f"{phase['cycles']:,}" in output
    assert "random weights" not in output and "Estimated" in output


def test_a_published_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No weights are made; the label says that they would be random."""
    told = estimated(tmp_path, "synthetic:bitnet-0.7b", *SMALL, "--position", "100")
    assert told["synthetic"] and "random weights" in capsys.readouterr().out
    decode = told["phases"][1]
    assert decode["position"] == 100
    # The head alone is a row of int8 for each word of the vocabulary.
    assert decode["bytes"] > BITNET_0B7.vocabulary * BITNET_0B7.hidden
    assert decode["layers"][-1]["bytes_read"] >= BITNET_0B7.vocabulary * BITNET_0B7.hidden
    assert 0.8 < decode["roofline_share"] < 1


def test_options_reach_the_model(tmp_path: Path) -> None:
    """Less memory and later data take longer; a cap counts in the roofline; the clock is told."""
    plain = estimated(tmp_path, "synthetic:bitnet-0.7b", *SMALL)
    base = plain["phases"][1]["cycles"]
    for options in (["--bandwidth", "10"], ["--gap", "20"], ["--latency", "900"], ["--ports", "2"]):
        told = estimated(tmp_path, "synthetic:bitnet-0.7b", *SMALL, *options)
        assert told["phases"][1]["cycles"] > base
    capped = estimated(tmp_path, "synthetic:bitnet-0.7b", *SMALL, "--bandwidth", "10")
    assert capped["memory"]["bytes_per_cycle"] == pytest.approx(40)
    assert capped["phases"][1]["roofline_cycles"] == pytest.approx(
        capped["phases"][1]["bytes"] / 40, abs=1
    )
    slow = estimated(tmp_path, "synthetic:bitnet-0.7b", *SMALL, "--clock", "125")
    assert slow["phases"][1]["cycles"] == base
    assert slow["phases"][1]["milliseconds"] == pytest.approx(2 * base / 250e3)
    assert estimated(tmp_path, ZOO, "--target", "xck26", "--best", "4")["hardware"][
        "best_count"
    ] == 4  # fmt: skip


BAD: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "no_target": ([ZOO], ("Target must be given",)),
    "unknown_target": ([ZOO, "-t", "moon"], ("moon",)),
    "no_decoder": (["digits_int4_mlp", "-t", "xck26"], ("decoder's folder", ZOO)),
    "no_shape": (["synthetic:gpt", "-t", "xck26"], ("Shape must be one of",)),
    "no_file": (["none", "-t", "xck26"], ("Model must be", "'none'")),
    "lanes": ([ZOO, "-t", "xck26", "--lanes", "17"], ("17",)),
    "ports": ([ZOO, "-t", "xck26", "--ports", "5"], ("ports must be 1 to 4",)),
    "best": ([ZOO, "-t", "xck26", "--best", "0"], ("Best count must be", "not 0")),
    "layers": ([ZOO, "-t", "xck26", "--layers", "2"], ("Layers must be left out",)),
    "prompt": ([ZOO, "-t", "xck26", "--prompt", "0"], ("Prompt must be 1 to", "not 0")),
    "long_prompt": ([ZOO, "-t", "xck26", "--prompt", "999"], ("context of 256", "not 999")),
    "position": ([ZOO, "-t", "xck26", "--position", "256"], ("Position must be 0 to 255",)),
    "bandwidth": ([ZOO, "-t", "xck26", "--bandwidth", "0"], ("Bandwidth must be",)),
    "latency": ([ZOO, "-t", "xck26", "--latency", "0"], ("Read latency must be 1 or more",)),
    "gap": ([ZOO, "-t", "xck26", "--gap", "-1"], ("Burst gap must be 0 or more",)),
    "on_chip": ([ZOO, "-t", "ecp5-85k", "--gap", "3"], ("left out", "on the chip")),
    "clock": ([ZOO, "-t", "xck26", "--clock", "-5"], ("Clock must be a positive",)),
    "clock_of_no_number": ([ZOO, "-t", "xck26", "--clock", "fast"], ("'--clock'", "number")),
    "json": ([ZOO, "-t", "xck26", "--prompt", "1", "--json", "/"], ("/",)),
}


@pytest.mark.parametrize("name", BAD)
def test_refuses(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = BAD[name]
    assert run(["estimate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and not captured.out
    for word in words:
        assert word in captured.err
