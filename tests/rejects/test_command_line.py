"""Bad input to the command: exit status 2, one line that names the culprit, nothing half made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sterna_flows.cli import run

from ..flows.toy_build import write_toy_build
from .broken_networks import BROKEN, write_broken

MODEL = "digits_int4_mlp"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build that a test may copy but not change."""
    folder = tmp_path_factory.mktemp("built") / "out"
    assert (
        run(["build", MODEL, "--target", "ecp5-25k", "--interval", "500", "-o", str(folder)]) == 0
    )
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def refused(
    capsys: pytest.CaptureFixture[str], folder: Path, arguments: list[str], *words: str
) -> None:
    """Runs a command that must be refused, and looks at what it said and left."""
    before = tree(folder)
    assert run(arguments) == 2
    line = capsys.readouterr().err
    assert line.startswith("sterna: ") and line.count("\n") == 1
    for word in words:
        assert word in line, line
    assert tree(folder) == before


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("command", ["check", "build"])
def test_broken_networks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, name: str
) -> None:
    path = write_broken(name, tmp_path)
    arguments = [command, str(path), "--target", "ecp5-25k"]
    if command == "build":
        arguments += ["-o", str(tmp_path / "out")]
    refused(capsys, tmp_path, arguments, str(path), *BROKEN[name][1])


def folding_file(folder: Path, text: str) -> str:
    (folder / "folding.json").write_text(text)
    return str(folder / "folding.json")


TABLE: dict[str, object] = {"group": 2, "tables": 4, "queries": 4}


def folding(**layers: dict[str, object]) -> Callable[[Path], list[str]]:
    layers = {"hidden1": TABLE, "hidden2": TABLE, "output": TABLE} | layers
    return lambda folder: ["--folding", folding_file(folder, json.dumps(layers))]


def queues(text: str) -> Callable[[Path], list[str]]:
    def options(folder: Path) -> list[str]:
        (folder / "queues.json").write_text(text)
        return [*folding()(folder), "--queues", str(folder / "queues.json")]

    return options


BUILDS: dict[str, tuple[Callable[[Path], list[str]], tuple[str, ...]]] = {
    "unknown_target": (
        lambda folder: ["--target", "ice40"],
        ("Target must be one of", "ecp5-85k", "not 'ice40'"),
    ),
    "too_fast": (
        lambda folder: ["--target", "ecp5-25k", "--interval", "1"],
        ("ecp5-25k", "not"),
    ),
    "memory_of_another_kind": (
        lambda folder: ["--memory", "tape"],
        ("Memory must be one of auto, on-chip, external, not 'tape'",),
    ),
    "faster_than_memory": (
        lambda folder: ["--memory", "external", "--interval", "16"],
        ("Interval of hidden1 must be", "external memory at 16 bytes a cycle, not 16"),
    ),
    "external_and_reloadable": (
        lambda folder: ["--memory", "external", "--reloadable"],
        ("Weights in external memory must not be reloadable: choose one",),
    ),
    "interval_of_nothing": (lambda folder: ["--interval", "0"], ("Interval of", "not 0")),
    "rate_beyond_any_engine": (
        lambda folder: ["--fps", "1e12"],
        ("Interval of hidden1", "cycles or more", "not 0"),
    ),
    "budget_of_no_logic_at_all": (
        lambda folder: ["--budget", "0.00001"],
        ("Design must fit the budget of ecp5-25k", "of 0 lut"),
    ),
    "budget_beyond_the_device": (lambda folder: ["--budget", "2"], ("Budget of lut", "not 2.0")),
    "budget_backwards": (lambda folder: ["--budget", "-1"], ("Budget of lut", "not -1.0")),
    "budget_that_is_no_number": (lambda folder: ["--budget", "nan"], ("Budget of lut", "not nan")),
    "no_rate": (lambda folder: ["--fps", "0"], ("Frames per second must be above 0",)),
    "rate_beyond_numbers": (
        lambda folder: ["--fps", "inf"],
        ("Frames per second must be above 0", "not inf"),
    ),
    "no_clock": (lambda folder: ["--clock", "0"], ("Clock must be above 0", "not 0.0")),
    "clock_that_is_no_number": (
        lambda folder: ["--clock", "nan"],
        ("Clock must be above 0", "not nan"),
    ),
    "clock_backwards": (
        lambda folder: ["--clock", "-3", "--fps", "5"],
        ("Clock must be above 0", "not -3.0"),
    ),
    "too_many_classes": (lambda folder: ["--top", "11"], ("10", "11")),
    "folding_beyond_the_layer": (
        folding(output={"group": 2, "tables": 4, "queries": 11}),
        ("Folding of output", "11"),
    ),
    "folding_of_no_layer": (folding(hidden9=TABLE), ("Folding of hidden9", "hidden1")),
    "folding_without_a_number": (
        folding(hidden1={"group": 2, "tables": 4}),
        ("Folding of hidden1", "queries"),
    ),
    "folding_with_a_text": (
        folding(hidden1={"group": "two", "tables": 4, "queries": 4}),
        ("Folding of hidden1", "two"),
    ),
    "folding_not_json": (
        lambda folder: ["--folding", folding_file(folder, "{")],
        ("folding.json", "JSON"),
    ),
    "folding_missing": (
        lambda folder: ["--folding", str(folder / "none.json")],
        ("none.json",),
    ),
    "queues_not_json": (queues("{"), ("queues.json", "JSON")),
    "queue_of_no_place": (
        queues('{"hidden9": 3}'),
        ("Place of a queue must be one of", "'hidden2'", "'hidden9'"),
    ),
    "queue_without_a_number": (
        queues('{"hidden2": "deep"}'),
        ("Rows of the queue of hidden2", "'deep'"),
    ),
    "unknown_engine": (
        lambda folder: ["--engine", "magic"],
        ("Engine must be one of", "unrolled", "not 'magic'"),
    ),
    "engine_beside_foldings": (
        lambda folder: [*folding()(folder), "--engine", "mac"],
        ("Engine must not be named where foldings are given", "'mac'"),
    ),
    "unrolled_and_reloadable": (
        lambda folder: [*folding(hidden2={"engine": "unrolled"})(folder), "--reloadable"],
        ("Folding of hidden2", "unrolled", "loaded"),
    ),
    "input_of_no_type": (
        lambda folder: ["--input-type", "uint9"],
        ("Input type must be one of", "uint8", "not 'uint9'"),
    ),
    "input_divided_by_nothing": (
        lambda folder: ["--input-type", "uint8/0"],
        ("Input type must be one of", "not 'uint8/0'"),
    ),
    "unknown_step": (lambda folder: ["--from", "lunch"], ("Step must be one of", "'lunch'")),
}


@pytest.mark.parametrize("name", BUILDS)
def test_builds(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    options, words = BUILDS[name]
    given = options(tmp_path)
    target = [] if "--target" in given else ["--target", "ecp5-25k"]
    arguments = ["build", MODEL, *target, "-o", str(tmp_path / "out"), *given]
    refused(capsys, tmp_path, arguments, *words)


def test_a_network_that_is_too_large(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Four cycles a frame would need more logic than the device has, and the line says so."""
    arguments = ["build", "digits_ternary_mlp", "--target", "ecp5-25k", "--interval", "4"]
    refused(capsys, tmp_path, [*arguments, "-o", str(tmp_path / "out")], "ecp5-25k")


def test_models_that_are_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for command in (["check"], ["build", "--target", "ecp5-25k", "-o", str(tmp_path / "o")]):
        refused(capsys, tmp_path, [*command, str(tmp_path / "no.onnx")], "no.onnx", "zoo")


@pytest.mark.parametrize(
    ("model", "options", "kind"),
    [
        *(
            ("synthetic:tiny", given, "a streaming network (an MLP or a CNN), not with the decoder")
            for given in (
                ["--folding", "f.json"],
                ["--queues", "q.json"],
                ["--fps", "3"],
                ["--interval", "9"],
                ["--budget", "0.5"],
                ["--clock", "99"],
                ["--top", "2"],
                ["--reloadable"],
                ["--from", "import"],
                ["--input-type", "uint8"],
            )
        ),
        *(
            (MODEL, given, "a decoder, not with the streaming network")
            for given in (
                ["--lanes", "2"],
                ["--ports", "1"],
                ["--best", "3"],
                ["--layers", "1"],
            )
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_options_of_the_other_kind(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: str, options: list[str], kind: str
) -> None:
    arguments = ["build", model, "--target", "xck26", "-o", str(tmp_path / "out"), *options]
    refused(capsys, tmp_path, arguments, f"Option {options[0]} must go with {kind} '{model}'")


def test_an_earlier_build_has_no_lanes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["build", "--from", "plan", "--lanes", "2", "-o", str(tmp_path / "out")]
    refused(capsys, tmp_path, arguments, "Option --lanes", "earlier build")


def test_places_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("mine")
    for place in ("file/out", "file", "thesis"):
        arguments = ["build", MODEL, "--target", "ecp5-25k", "-o", str(tmp_path / place)]
        refused(capsys, tmp_path, arguments, str(tmp_path / place))


def test_estimates_of_what_is_no_decoder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "shape.json").write_text('{"layers": 0}')
    for model, words in (
        (MODEL, ("decoder", MODEL)),
        (str(tmp_path), ("shape",)),
        (str(tmp_path / "none"), (str(tmp_path / "none"),)),
    ):
        options = ["--target", "xck26", "--json", str(tmp_path / "estimate.json")]
        refused(capsys, tmp_path, ["estimate", model, *options], *words)


@pytest.mark.parametrize("command", ["sim", "synth"])
def test_folders_that_are_no_build(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    refused(capsys, tmp_path, [command, str(tmp_path)], str(tmp_path), "sterna build")
    refused(capsys, tmp_path, [command, str(tmp_path / "none")], str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("none.npy", ("none.npy",)),
        ("text.npy", ("text.npy", "numpy")),
        ("names.npy", ("names.npy", "integers or reals")),
        ("0", ("1 or more, not 0",)),
        ("-3", ("'-3'",)),
        ("451", ("at most 450", "not 451")),
        ("short.npy", ("64 elements", "(2, 63)")),
        ("large.npy", ("codes", "[0, 31]")),
        ("nan.npy", ("nan.npy", "finite numbers")),
    ],
)
def test_inputs_of_a_simulation(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    built: Path,
    inputs: str,
    words: tuple[str, ...],
) -> None:
    out = tmp_path / "out"
    shutil.copytree(built, out)
    (tmp_path / "text.npy").write_text("0 1 2")
    np.save(tmp_path / "names.npy", np.array([["a"]]))
    np.save(tmp_path / "short.npy", np.zeros((2, 63)))
    np.save(tmp_path / "large.npy", np.full((2, 64), 256))
    np.save(tmp_path / "nan.npy", np.full((2, 64), np.nan))
    given = str(tmp_path / inputs) if inputs.endswith(".npy") else inputs
    refused(capsys, tmp_path, ["sim", str(out), "--inputs", given], *words)


@pytest.mark.parametrize("command", ["sim", "synth"])
@pytest.mark.parametrize("name", ["sources.f", "hidden1_weights.hex", f"{MODEL}.v", "graph.sterna"])
def test_builds_from_which_something_is_gone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, built: Path, command: str, name: str
) -> None:
    """Without its contents a memory would give zeros, or the simulation would not end."""
    out = tmp_path / "out"
    shutil.copytree(built, out)
    (out / name).unlink()
    refused(capsys, tmp_path, [command, str(out)], str(out), "lacks", name)


def test_a_decoder_from_which_something_is_gone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "decoder.json").write_text("{}")
    resources = dict.fromkeys(("lut", "ff", "bram", "uram", "dsp"), 0)
    report = {
        "report_version": 1,
        "kind": "decoder",
        "synthetic": True,
        "model": "toy",
        "target": "xck26",
        "top": "toy",
        "estimated": resources,
        "files": ["decoder.json", "sources.f"],
        "layers": [],
        "units": [],
        "cycles": {"prompt": 1, "tokens": 1, "memory": "none", "latency": {"predicted": 1}},
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    refused(capsys, tmp_path, ["sim", str(tmp_path)], str(tmp_path), "lacks sources.f")


def test_unknown_stall_profile(capsys: pytest.CaptureFixture[str], built: Path) -> None:
    refused(capsys, built, ["sim", str(built), "--stall", "often"], "bursts", "not 'often'")


@pytest.mark.parametrize("step", ["plan", "map"])
def test_starting_from_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, step: str
) -> None:
    arguments = ["build", "--from", step, "-o", str(tmp_path / "none")]
    refused(capsys, tmp_path, arguments, "graph.sterna")
    arguments += ["--input-type", "uint8"]
    refused(capsys, tmp_path, arguments, f"Input type must not be asked for from {step}")
    refused(capsys, tmp_path, ["build", "-o", str(tmp_path / "none")], "Model must be given")


def test_input_type_of_a_decoder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["check", "shakespeare_tiny", "--input-type", "uint8"]
    refused(capsys, tmp_path, arguments, "Option --input-type must go with a streaming network")


def test_a_device_without_place_and_route(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_toy_build(tmp_path, "xc7z020")
    refused(capsys, tmp_path, ["synth", str(tmp_path), "--pnr"], "ECP5", "not xc7z020")


def test_training_what_is_unknown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    refused(
        capsys, tmp_path, ["train", "duck", "-o", str(tmp_path)], "digits_ternary_mlp", "'duck'"
    )
    refused(capsys, tmp_path, ["train", "duck"], "shakespeare_ternary")
