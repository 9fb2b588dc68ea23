"""Occupation of parts: exact for parts whose beats are known, and never more than there is."""

from __future__ import annotations

import pytest

from sterna.building import FRAMES, predict_cycles
from sterna.ir import Graph, MatMul
from sterna.mapping import map_graph
from sterna.occupation import occupied_cycles
from sterna.planner import Planner
from sterna.queues import size_queues
from sterna_hw.base import find_device
from sterna_hw.matmul import MatmulConfig
from sterna_hw.stage import port_shape

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
        if type(stage.part).__name__ == "MultiThresholdConfig":
            shape = port_shape(stage.part, "o")
            vectors = mapped.graph.types[mapped.layers[stage.name]].vectors
            assert occupied[stage.name] == -(-shape.elements // shape.count) * vectors
