"""`sterna explore` as a user meets it, and points that are built, synthesised and simulated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sterna_flows
from sterna_flows.cli import run
from sterna_flows.exploration import verification
from sterna_flows.exploration.figures import Measured
from sterna_flows.exploration.result import Exploration, non_dominated
from sterna_flows.exploration.verification import StreamingBuilder, spread
from sterna_flows.report_file import read_report
from sterna_flows.tools import ToolError

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
        (
            ["can_intrusion_mlp", "-t", "xck26", "--budgets", "3"],
            "Option --budgets must go with --bits",
        ),
        (
            ["digits_int4_mlp", "-t", "xck26", "--bits", "--verify", "2"],
            "Option --verify must not be given with --bits",
        ),
        (
            ["shakespeare_tiny", "-t", "xck26", "--top", "1"],
            "Best classes must go with a streaming",
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
    monkeypatch.setattr("sterna_flows.exploration.verification.StreamingBuilder.make", None)
    assert explored().measured == found.measured
    # What was measured stays known when nothing is asked to be.
    options = {"trials": 12, "objectives": ("throughput", "lut"), "workers": 1}
    assert sterna_flows.explore(graph, "ecp5-25k", tmp_path, **options).measured == found.measured


def test_a_point_that_a_tool_gives_up_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds are played, and the first one fails."""
    calls: list[str] = []

    def make(self: StreamingBuilder, design: Any, where: Path) -> None:
        calls.append(where.name)
        if len(calls) == 1:
            raise ToolError("yosys failed: no\nroom")
        where.mkdir(parents=True)

    item = Measured(9, 9, 1, 1, 1, 1, 1, 16, 0, "a play", "verified")
    monkeypatch.setattr(StreamingBuilder, "make", make)
    monkeypatch.setattr(verification, "_measured", lambda where, folder: item)
    graph = random_chain(5, layers=3, largest=14)
    options = {"trials": 24, "objectives": ("throughput", "lut"), "workers": 1, "verify": 2}
    found = sterna_flows.explore(graph, "xck26", tmp_path, **options)
    first, last = found.frontier[0].number, found.frontier[-1].number
    assert calls == [f"{first:04d}", f"{last:04d}"] and first != last
    assert found.failed == {first: "yosys failed: no room"} and found.measured == {last: item}
    record = json.loads((tmp_path / "exploration.json").read_text())
    assert record["failed"] == {str(first): "yosys failed: no room"}
    again = sterna_flows.explore(graph, "xck26", tmp_path, **options)
    assert not again.failed and again.measured == {first: item, last: item}
    assert calls[2:] == [f"{first:04d}"]


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
