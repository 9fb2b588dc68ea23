"""`sterna explore` as a user meets it, and points that are built, synthesised and simulated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sterna_flows
from sterna_flows.cli import run
from sterna_flows.exploration.result import Exploration, non_dominated
from sterna_flows.exploration.verification import spread
from sterna_flows.report_file import read_report

from ...sw.graphs import random_chain


def test_command_prints_the_frontier(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Twice: the second time all points are known."""
    out = tmp_path / "explored"
    arguments = ["explore", "can_intrusion_mlp", "-t", "xck26", "-o", str(out), "--trials", "10"]
    arguments += ["--objectives", "throughput,lut", "--workers", "1"]
    outputs = []
    for _ in range(2):
        assert run(arguments) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        outputs.append(captured.out)
    assert outputs[0] == outputs[1]
    assert "can_intrusion_mlp on xck26 at 250 MHz: 10 points, 10 fit" in outputs[0]
    record = json.loads((out / "exploration.json").read_text())
    assert record["model"] == "can_intrusion_mlp" and len(record["points"]) == 10
    for number in record["frontier"]:
        assert f"{record['points'][number]['figures']['lut']:,}" in outputs[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["can_intrusion_mlp"], "Target must be given: --target xck26, for example"),
        (["nothing", "-t", "xck26"], "Model must be a file or one of the zoo ("),
        (["can_intrusion_mlp", "-t", "z80"], "Target must be one of "),
        (
            ["can_intrusion_mlp", "-t", "xck26", "--objectives", "beauty"],
            "Objective must be one of throughput, ",
        ),
    ],
)
def test_bad_arguments_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], line: str
) -> None:
    assert run(["explore", *arguments, "-o", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(f"sterna: {line}")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_built_points_have_measured_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cycles are those predicted, every word is the golden model's, and what was built is not
    built again."""
    graph = random_chain(3, layers=2, largest=6)

    def explored() -> Exploration:
        options = {"trials": 12, "objectives": ("throughput", "lut"), "workers": 1, "verify": 1}
        return sterna_flows.explore(graph, "ecp5-25k", tmp_path, **options)

    found = explored()
    ((number, item),) = found.measured.items()
    figures = found.points[number].outcome.figures
    assert figures is not None
    assert (item.interval, item.latency) == (figures.interval, figures.latency)
    assert item.words > 0 and item.mismatches == 0
    report = read_report(tmp_path / item.folder)
    assert item.lut == report["resources"]["lut"] > 0
    assert found.measured_frontier == (number,)
    assert found.measured_values(number) == (125e6 / figures.interval, item.lut)
    monkeypatch.setattr("sterna_flows.exploration.verification._measure", None)
    assert explored().measured == found.measured


def test_points_are_spread_along_the_frontier(tmp_path: Path) -> None:
    graph = random_chain(5, layers=3, largest=14)
    found = sterna_flows.explore(graph, "xck26", tmp_path, trials=24, workers=1)
    frontier = list(found.frontier)
    assert len(frontier) > 4
    assert spread(frontier, 0) == [] and spread([], 3) == []
    assert spread(frontier, 2) == [frontier[0], frontier[-1]]
    assert spread(frontier, 99) == frontier


def test_measured_points_that_another_one_dominates() -> None:
    """More throughput is better, fewer look-up tables are."""
    values = [(10.0, 100.0), (20.0, 100.0), (20.0, 100.0), (5.0, 50.0), (4.0, 60.0)]
    expected = [False, True, True, True, False]
    assert non_dominated(values, ("throughput", "lut")) == expected
