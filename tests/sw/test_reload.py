"""Other contents for a built design: the same packers, refused when the shape is another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sterna
from sterna import ir
from sterna.mapping import map_graph
from sterna.passes import drop_identity
from sterna.reload import reload_rows
from sterna_hw.base import Rounding, find_device

from .graphs import random_chain, random_threshold, random_weights


def other_weights(graph: ir.Graph, seed: int) -> ir.Graph:
    """The same network with other weights, thresholds and logit parameters of like size."""
    generator = np.random.default_rng(seed)
    ops: list[ir.Op] = []
    types: dict[str, ir.TensorType] = {}
    for op in graph.ops:
        if isinstance(op, ir.MatMul):
            weights = random_weights(generator, op.weights.shape, op.alphabet, op.planes)
            op = ir.MatMul(op.name, op.inputs, weights, op.alphabet, op.planes)
        elif isinstance(op, ir.Threshold):
            kind = types[op.inputs[0]]
            drawn = random_threshold(generator, op.name, op.inputs[0], kind)
            shape = op.thresholds.shape
            table = np.sort(generator.integers(kind.range.low, kind.range.high + 2, shape), axis=1)
            op = ir.Threshold(op.name, op.inputs, table, drawn.descending, op.low, op.step)
        elif isinstance(op, ir.Requantize):
            offset = generator.permutation(op.offset)
            op = ir.Requantize(op.name, op.inputs, op.multiplier, offset, op.shift, op.rounding)
        types[op.name] = op.result_type(tuple(types[name] for name in op.inputs))
        ops.append(op)
    return graph.with_ops(tuple(ops))


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_rows_are_those_of_a_design_built_with_the_other_weights(seed: int, tmp_path: Path) -> None:
    graph = random_chain(seed)
    other = other_weights(graph, seed + 100)
    design = sterna.build(graph, "ecp5-25k", tmp_path / "d", interval=80, reloadable=True)
    rows = reload_rows(design, other)
    memories = {memory["number"]: memory for memory in design.record["memories"]}
    assert set(rows) == set(memories)
    for number, contents in rows.items():
        assert len(contents) == memories[number]["rows"]
        assert max(contents) < 1 << memories[number]["row_width"]
    foldings = sterna.folding.read_foldings(design.directory / "folding.json")  # type: ignore[attr-defined]
    prepared = drop_identity(other)
    mapped = map_graph(prepared, find_device("ecp5-25k"), foldings, reloadable=True)
    stages = {stage.name: stage for stage in mapped.accelerator.stages}
    for number, memory in memories.items():
        if memory["kind"] == "weights":
            assert rows[number] == stages[memory["stage"]].weights.words  # type: ignore[union-attr]


def test_a_fixed_design_takes_none(tmp_path: Path) -> None:
    graph = random_chain(1)
    design = sterna.build(graph, "ecp5-25k", tmp_path / "d", interval=80)
    with pytest.raises(ValueError, match="must be built reloadable to take other weights"):
        reload_rows(design, graph)


@pytest.mark.parametrize("layers", [2, 4])
def test_another_shape_is_refused(tmp_path: Path, layers: int) -> None:
    design = sterna.build(random_chain(1), "ecp5-25k", tmp_path / "d", interval=80, reloadable=True)
    with pytest.raises(ValueError, match="must be"):
        reload_rows(design, random_chain(1, layers=layers))


def test_parameters_beyond_the_design_are_refused(tmp_path: Path) -> None:
    graph = random_chain(1)
    logits = graph.ops[-1]
    assert isinstance(logits, ir.Requantize) and isinstance(logits.rounding, Rounding)
    design = sterna.build(graph, "ecp5-25k", tmp_path / "d", interval=80, reloadable=True)
    large = ir.Requantize(
        logits.name,
        logits.inputs,
        logits.multiplier * 4096,
        logits.offset,
        logits.shift,
        logits.rounding,
    )
    with pytest.raises(ValueError, match="Parameters of logits must fit the design"):
        reload_rows(design, graph.with_ops((*graph.ops[:-1], large)))
