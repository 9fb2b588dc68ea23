"""Queues between layers: deep enough for the full pace, and none of them deeper than that."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sterna import cycles
from sterna.building import prepare
from sterna.mapping import map_graph
from sterna.queue_runs import QueueRuns
from sterna.queues import interval_of, size_queues
from sterna_hw.base import find_device

from .branch_graphs import random_branches
from .graphs import random_chain
from .test_mapping import random_foldings

DEVICE = find_device("ecp5-85k")


def interval(graph, foldings, rows: dict[str, int]) -> float:
    accelerator = map_graph(graph, DEVICE, foldings, queues=rows).accelerator
    return interval_of(accelerator, *accelerator.network())


@pytest.mark.parametrize("seed", range(12), ids=lambda seed: f"seed{seed}")
def test_no_queue_can_be_shallower(seed: int) -> None:
    graph = random_chain(seed, layers=3, largest=16)
    foldings = random_foldings(graph, seed)
    rows = size_queues(graph, DEVICE, foldings)
    best = interval(graph, foldings, dict.fromkeys(list(foldings)[1:], 64))
    assert interval(graph, foldings, rows) == best
    for name, depth in rows.items():
        assert interval(graph, foldings, {**rows, name: depth - 1}) > best


def test_bursts_need_room() -> None:
    """An engine that gives everything at the end, before one that takes it block by block."""
    graph = random_chain(7, layers=2, largest=40)
    foldings = random_foldings(graph, 7)
    assert all(depth > 0 for depth in size_queues(graph, DEVICE, foldings).values())


@pytest.mark.parametrize("images", [False, True], ids=["vectors", "images"])
@pytest.mark.parametrize("seed", range(20, 26), ids=lambda seed: f"seed{seed}")
def test_what_is_not_run_and_not_compiled_changes_nothing(
    seed: int, images: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against every run done, by the loop in Python."""
    graph = prepare(random_branches(seed, images))
    foldings = random_foldings(graph, seed)
    found = size_queues(graph, DEVICE, foldings)

    def keeps(runs: QueueRuns, depths: Mapping[str, int], interval: float) -> bool:
        runs.intervals.clear()
        return runs.interval(depths) <= interval

    monkeypatch.setattr(QueueRuns, "keeps", keeps)
    monkeypatch.setattr(cycles, "find_event_loop", lambda: None)
    assert size_queues(graph, DEVICE, foldings) == found
