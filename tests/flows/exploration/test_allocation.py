"""Combinations of foldings: none that is left out dominates, by brute force; caps are kept."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sterna.planner import Planner
from sterna_flows.exploration.allocation import Allocation, non_dominated_rows
from sterna_flows.exploration.streaming import StreamingSpace
from sterna_flows.exploration.streaming_evaluation import StreamingEvaluation
from sterna_hw.base import find_device

from ...sw.graphs import random_chain

RESOURCES = ("lut", "bram", "dsp")


def allocation_of(seed: int) -> Allocation:
    graph, device = random_chain(seed, layers=2, largest=5), find_device("xck26")
    space = StreamingSpace(StreamingEvaluation(graph, device, 100.0), RESOURCES)
    return space.allocation


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_rows_are_those_that_none_dominates(seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 6, (60, 3))
    kept = non_dominated_rows(rows)
    for number, row in enumerate(rows):
        dominated = ((rows <= row).all(axis=1) & (rows < row).any(axis=1)).any()
        copies = np.flatnonzero((rows == row).all(axis=1))
        assert dominated == (not set(copies) & set(kept))
        assert number not in kept or number == copies[0]
    assert (np.diff(rows[kept][:, 0]) >= 0).all()


@pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")
def test_no_combination_is_much_better_than_those_found(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every combination of foldings that keeps the pace is dominated by one that was found, but
    for what is taken for one. Gearboxes, which the choice by layers does not see, are left out."""
    monkeypatch.setattr(Planner, "gearbox_cost", lambda self, config, given: None)
    allocation = allocation_of(seed)
    planner, layers = allocation.planner, allocation.layers
    items = [allocation.items[layer.name] for layer in layers]
    for pace in allocation.steps()[:: max(1, len(allocation.steps()) // 4)]:
        found = allocation.combine(int(pace)).shares
        keeping = [
            [item for item in known if planner.interval(layer, item.config) <= pace]
            for layer, known in zip(layers, items)
        ]
        for picked in itertools.product(*keeping):
            shares = [allocation.share(item.cost) for item in picked]
            total = np.sum(shares, axis=0)
            slack = 0.05 * total + 1e-9
            assert (found <= total + slack).all(axis=1).any()


def test_shares_are_kept_where_that_can_be() -> None:
    allocation = allocation_of(1)
    pace = int(allocation.steps()[-1])
    found = allocation.combine(pace)
    for shares, picks in zip(found.shares, found.picks):
        most = {"bram": float(shares[1]) + 1e-9, "dsp": float(shares[2]) + 1e-9}
        chosen = allocation.choose(pace, most)
        assert chosen == allocation.foldings(picks.tolist())


def test_a_layer_may_be_kept_to_an_engine_and_to_a_pace() -> None:
    allocation = allocation_of(2)
    slowest = allocation.slowest
    for engine in ("table", "select", "mac"):
        engines = {layer.name: engine for layer in allocation.layers}
        chosen = allocation.choose(slowest, {}, engines)
        assert {folding.engine for folding in chosen.values()} == {engine}
    first = allocation.layers[0]
    chosen = allocation.choose(slowest, {}, {}, {first.name: slowest})
    (item,) = [i for i in allocation.items[first.name] if i.folding == chosen[first.name]]
    fastest = min(item.busy for item in allocation.items[first.name])
    assert item.busy == fastest
