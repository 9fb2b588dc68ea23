"""The memory of weights on the chip: the one that wastes least, or the one that a folding names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sterna.folding import SelectFolding, TableFolding, as_record, foldings_of
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.weights import most_distributed_rows
from sterna_hw.base import find_device
from sterna_hw.weight_buffer import WeightBufferConfig

from .graphs import matmul_of, mlp

GRAPH = mlp(24, 18, 4)
FOLDINGS = {"fc0": TableFolding(3, 2, 3, True, 2), "fc1": SelectFolding(3, 1)}


@pytest.mark.parametrize("target", ["xck26", "ecp5-25k"])
@pytest.mark.parametrize("memory", ["block", "distributed"])
def test_weights_are_where_a_folding_says(target: str, memory: str) -> None:
    """Rows and contents are the same; what they take is the planner's estimate of the layer."""
    device = find_device(target)
    foldings = {name: replace(item, memory=memory) for name, item in FOLDINGS.items()}
    assert foldings_of(as_record(foldings), "the test") == foldings
    plain = map_graph(GRAPH, device, FOLDINGS).accelerator
    asked = map_graph(GRAPH, device, foldings).accelerator
    planner = Planner(GRAPH, device)
    for own, usual in zip(asked.stages, plain.stages):
        if not isinstance(own.weights, WeightBufferConfig):
            continue
        assert isinstance(usual.weights, WeightBufferConfig)
        assert own.weights.style == memory
        assert own.weights.words == usual.weights.words
        taken = planner.candidate(matmul_of(GRAPH, own.name), foldings[own.name]).cost
        kept = planner.candidate(matmul_of(GRAPH, own.name), FOLDINGS[own.name]).cost
        difference = own.weights.cost(device).bram - usual.weights.cost(device).bram
        assert taken.bram - kept.bram == pytest.approx(difference)
        assert (taken.bram > 0) == (memory == "block")


def test_distributed_memory_is_not_deep() -> None:
    device = find_device("ecp5-25k")
    most = most_distributed_rows(device)
    deep = {**FOLDINGS, "fc0": SelectFolding(1, 1, memory="distributed")}
    with pytest.raises(
        ValueError,
        match=f"Folding of fc0: Rows in distributed memory must be at most {most}, not 432",
    ):
        map_graph(GRAPH, device, deep)
