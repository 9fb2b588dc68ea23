"""Occupation of parts: exact for parts whose beats are known, and never more than there is."""

from __future__ import annotations

import pytest

from sterna.building import FRAMES, predict_cycles
from sterna.ir import Graph, MatMul
from sterna.mapping import map_graph
from sterna.occupation import ideal_cycles, occupied_cycles
from sterna.planner import Planner
from sterna.queues import size_queues
from sterna_hw.base import TERNARY, IntegerRange, find_device
from sterna_hw.fork import ForkConfig
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.mac_matmul import MacMatmulConfig, integers
from sterna_hw.matmul import MatmulConfig
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.stage import port_shape
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig

from .branch_graphs import random_branches
from .graphs import random_chain, random_images


@pytest.mark.parametrize(
    "graph",
    [random_chain(1), random_images(2), random_branches(3, True), random_branches(4, False)],
    ids=["chain-1", "images-2", "image-branches-3", "branches-4"],
)
def test_parts_are_busy_as_long_as_their_beats_take(graph: Graph) -> None:
    device = find_device("ecp5-85k")
    foldings = Planner(graph, device).plan(60)
    queues = size_queues(graph, device, foldings)
    mapped = map_graph(graph, device, foldings, queues=queues)
    accelerator = mapped.accelerator
    _, interval, times = predict_cycles(accelerator)
    parts, _ = accelerator.network()
    occupied = occupied_cycles(parts, times, FRAMES)
    assert set(occupied) == set(parts)
    for stage in accelerator.stages:
        assert 0 < occupied[stage.name] <= interval
        beats = len(times.transfers[stage.name, stage.outputs[0]]) // FRAMES
        assert occupied[stage.name] >= beats
        op = mapped.graph[layer] if (layer := mapped.layers.get(stage.name)) else None
        if isinstance(op, MatMul) and isinstance(stage.part, MatmulConfig):
            vectors = mapped.graph.types[op.name].vectors
            assert occupied[stage.name] == parts[stage.name].busy_cycles * vectors
            ideal = ideal_cycles(stage.part, vectors)
            assert ideal is not None and 0 < ideal <= occupied[stage.name]
        if type(stage.part).__name__ == "MultiThresholdConfig":
            shape = port_shape(stage.part, "o")
            vectors = mapped.graph.types[mapped.layers[stage.name]].vectors
            assert occupied[stage.name] == -(-shape.elements // shape.count) * vectors


VALUES = IntegerRange(-8, 7)
PARTS = {
    "select": (SelectMatmulConfig(12, 6, VALUES, TERNARY, queries=3, block_inputs=4), 3 * 2),
    "padded": (SelectMatmulConfig(10, 6, VALUES, TERNARY, queries=4, block_inputs=4), 60 / 16),
    "planes": (SelectMatmulConfig(12, 6, VALUES, TERNARY, 2, 3, block_inputs=4), 2 * 3 * 2),
    "table": (TableMatmulConfig(12, 6, VALUES, TERNARY, queries=2, group=3, tables=2), 2 * 3),
    "mac": (MacMatmulConfig(12, 6, VALUES, integers(VALUES), queries=2, block_inputs=1), 12 * 3),
    "unrolled": (UnrolledMatmulConfig([[1, 0, -1], [0, 1, 1]], VALUES), 1),
    # Six groups of two channels and four outputs each: a beat of one group, two outputs at a time.
    "group": (GroupMatmulConfig(12, 24, 6, 9, VALUES, TERNARY, queries=2), 6 * 2),
    "fork": (ForkConfig(12, VALUES, 4, 2), None),
}


@pytest.mark.parametrize("kind", PARTS)
def test_ideal_cycles_are_those_of_the_multiply_accumulates(kind: str) -> None:
    part, cycles = PARTS[kind]
    found = ideal_cycles(part, 5)
    assert found is None if cycles is None else found == 5 * cycles
