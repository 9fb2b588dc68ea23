"""The demo from end to end, on a small folding of its network."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna_flows.cli import run
from sterna_flows.report_file import read_report
from sterna_models import zoo
from sterna_sim.stalls import PROFILES


def test_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna_flows.demo.INTERVAL", 12_000)
    out = tmp_path / "demo"
    assert run(["demo", "-o", str(out), "--digits", "3"]) == 0
    output = capsys.readouterr().out
    report = read_report(out)
    # The best class and its value, for each digit under each profile.
    words = 2 * 3 * len(PROFILES)
    assert report["exact"] == {"words": words, "mismatches": 0}
    for cycles in report["cycles"].values():
        assert cycles["simulated"] == cycles["predicted"]
    assert f"Words compared: {words}; mismatches: 0" in output
    accuracy = zoo.card("digits_ternary_mlp").accuracy["golden"]
    assert f"Golden accuracy: {accuracy:.2%} of 1,000 test digits" in output
    _, labels = zoo.test_set("digits_ternary_mlp")
    for label in labels[:3]:
        assert f"{label} (right)" in output
    assert report["resources"]["lut"] > 0 and report["resources"]["source"].startswith("Yosys")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--target", "ice40"],
        ["-o", "/dev/null/demo"],
        ["--digits", "0"],
        ["--digits", "1001"],
    ],
)
def test_bad_input_is_told_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = [] if "-o" in arguments else ["-o", str(tmp_path / "demo")]
    assert run(["demo", *place, *arguments]) == 2
    assert not list(tmp_path.iterdir())
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
