"""The frontier of a short exploration reaches every design with one engine and one folding."""

from __future__ import annotations

from pathlib import Path

import pytest

import sterna_flows
from sterna.building import prepare
from sterna_flows.exploration.hand_designs import hand_designs, not_dominated, shortfall
from sterna_flows.exploration.search import DEFAULT_OBJECTIVES, job_of
from sterna_flows.exploration.streaming import StreamingSpace
from sterna_flows.models import load_model
from sterna_hw.base import find_device

TARGET = "xck26"
THROUGHPUT = ("throughput",)


@pytest.mark.parametrize(("model", "trials"), [("can_intrusion_mlp", 120)])
def test_frontier_reaches_every_hand_design(model: str, trials: int, tmp_path: Path) -> None:
    """All 200 trials and all networks are the business of `sterna bench exploration`."""
    graph = prepare(load_model(model))
    job = job_of(graph, TARGET, find_device(TARGET).clock_mhz, DEFAULT_OBJECTIVES)
    space = job.space()
    assert isinstance(space, StreamingSpace)
    designs = hand_designs(space, (1, 2, 4, 8, 16, 32))
    assert {design.engine for design in designs} == {"table", "select", "mac"}
    assert len(designs) > 60
    found = sterna_flows.explore(graph, TARGET, tmp_path, trials=trials, workers=1)
    missed = not_dominated(designs, found.frontier, DEFAULT_OBJECTIVES)
    assert [str(design) for design in missed] == []
    # The comparison sees what is missing, and how much.
    assert not_dominated(designs, found.frontier[-1:], DEFAULT_OBJECTIVES)
    for design in designs[::7]:
        alone = [point for point in found.frontier if shortfall(design, [point], THROUGHPUT) == 0]
        fast = design.figures.values(THROUGHPUT)
        assert [point.number for point in alone] == [
            point.number
            for point in found.frontier
            if point.outcome.figures and point.outcome.figures.values(THROUGHPUT) >= fast
        ]
        if slower := [point for point in found.frontier if point not in alone]:
            assert 0 < shortfall(design, slower, THROUGHPUT) < 1
