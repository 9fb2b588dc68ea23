"""`sterna check`: what it prints of supported and of unsupported networks."""

from __future__ import annotations

from pathlib import Path

import pytest

import sterna
from sterna_flows.cli import run
from sterna_models import zoo

from ..rejects.broken_networks import write_broken


def test_a_supported_network_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "digits_int4_mlp"]) == 0
    output = capsys.readouterr().out
    assert "supported, exact" in output
    for text in ("hidden1", "ternary, 3 planes", "15 thresholds a channel", "requantize"):
        assert text in output
    assert "Folding" not in output


def test_a_target_adds_the_planners_choice(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "digits_int4_mlp", "--target", "ecp5-85k"]) == 0
    output = capsys.readouterr().out
    assert "Folding on ecp5-85k" in output and "of 83,640 LUT" in output
    assert "Predicted: latency" in output


def test_the_prediction_is_that_of_a_build(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It once left out the queues between layers, and so promised a slower pace."""
    assert run(["check", "shuttle_anomaly_mlp", "--target", "ecp5-25k"]) == 0
    output = capsys.readouterr().out
    design = sterna.build(sterna.load(zoo.path("shuttle_anomaly_mlp")), "ecp5-25k", tmp_path / "b")
    cycles = design.record["cycles"]
    expected = f"latency {cycles['latency']:,} cycles, a frame each {cycles['interval']:,} cycles"
    assert expected in output


def test_every_unsupported_layer_is_listed_with_a_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write_broken("two_unsupported_ops", tmp_path)
    assert run(["check", str(path)]) == 2
    output = capsys.readouterr().out
    for text in ("Not supported", "what would work", "relu1", "Softmax", "relu2", "Sin"):
        assert text in output


@pytest.mark.parametrize(
    ("model", "target", "words"),
    [
        ("shakespeare_ternary", None, ("decoder, supported, exact", "sterna estimate")),
        ("synthetic:tiny", "ecp5-85k", ("random weights", "of 83,640 LUT", "on the chip: 0.13 MB")),
        ("synthetic:tiny", "xck26", ("294,912", "of 1,248 DSP", "outside", "sterna build")),
    ],
)
def test_a_decoder_is_told_with_what_to_run_next(
    model: str, target: str | None, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", model, *(["--target", target] if target else [])]) == 0
    output = capsys.readouterr().out
    for text in (*words, f"sterna estimate {model} --target {target or 'xck26'}"):
        assert text in output


def test_a_decoder_that_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "shakespeare_ternary", "--target", "ecp5-85k"]) == 2
    error = capsys.readouterr().err
    assert "must be at most 352256 bytes" in error and error.count("\n") == 1


def test_a_build_says_which_weights_are_outside_and_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "build"
    arguments = ["build", "digits_int4_mlp", "-t", "ecp5-25k", "--memory", "external"]
    assert run([*arguments, "-o", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "come from external memory (asked for): weights.bin of" in shown
    memory = sterna.Design(out).record["memory"]
    assert [port["layer"] for port in memory["ports"]] == ["hidden1", "hidden2", "output"]
    assert f"{memory['bytes_per_frame']:,} read for a frame" in shown
    assert "m_axi2_araddr" in (out / "digits_int4_mlp.v").read_text()
