"""`sterna check`: what it prints of supported and of unsupported networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna_flows.cli import run

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


def test_every_unsupported_layer_is_listed_with_a_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write_broken("two_unsupported_ops", tmp_path)
    assert run(["check", str(path)]) == 2
    output = capsys.readouterr().out
    for text in ("Not supported", "what would work", "relu1", "Softmax", "relu2", "Sin"):
        assert text in output
