"""Mapping: parts compute what the golden model says, and the gate of ranges closes."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from sterna import ir
from sterna.folding import Folding, SelectFolding, TableFolding
from sterna.mapping import check_ranges, identifier, map_graph
from sterna.passes import drop_identity, select_label
from sterna_hw.base import IntegerRange, find_device
from sterna_hw.stage import Stage

from .graphs import random_chain, random_codes

DEVICE = find_device("ecp5-85k")


def random_foldings(graph: ir.Graph, seed: int) -> dict[str, Folding]:
    generator = random.Random(seed)
    foldings: dict[str, Folding] = {}
    for op in graph.ops:
        if isinstance(op, ir.MatMul):
            outputs, inputs = op.weights.shape
            queries = generator.randint(1, outputs)
            if generator.random() < 0.3:
                foldings[op.name] = SelectFolding(generator.randint(1, inputs), queries)
                continue
            group = generator.randint(1, min(3, inputs))
            tables = generator.randint(1, -(-inputs // group))
            fold = op.alphabet.symmetric and generator.random() < 0.5
            foldings[op.name] = TableFolding(group, tables, queries, fold, generator.choice([1, 2]))
    return foldings


@pytest.mark.parametrize("reloadable", [False, True], ids=["fixed", "reloadable"])
@pytest.mark.parametrize("seed", range(25), ids=lambda seed: f"seed{seed}")
def test_every_stage_computes_what_golden_says(seed: int, reloadable: bool) -> None:
    graph = drop_identity(random_chain(seed, layers=1 + seed % 4))
    if seed % 3 == 0:
        graph = select_label(graph, 1 + seed % 2 * (graph.types[graph.output_name].size > 1))
    foldings = random_foldings(graph, seed)
    rows = {name: 1 + seed % 5 for name in list(foldings)[1:]}
    mapped = map_graph(graph, DEVICE, foldings, reloadable=reloadable, queues=rows)
    codes = random_codes(seed, graph, 20)
    golden = graph.run_integers(codes, checkpoints=True)
    computed = mapped.accelerator.compute(codes.reshape(len(codes), -1))
    for stage, layer in mapped.layers.items():
        assert np.array_equal(computed[stage], golden[layer].reshape(len(codes), -1)), stage


def test_a_stage_built_for_too_little_is_named() -> None:
    graph = random_chain(4)
    mapped = map_graph(graph, DEVICE, random_foldings(graph, 4))
    position = next(n for n, s in enumerate(mapped.accelerator.stages) if s.name == "fc1")
    stage = mapped.accelerator.stages[position]
    proven = graph.types["fc1"].range
    narrow = IntegerRange(proven.low, proven.high - 1)
    part = replace(stage.part, accumulator_range=narrow)  # type: ignore[type-var]
    stages = list(mapped.accelerator.stages)
    stages[position] = Stage(stage.name, part, stage.weights)
    planted = replace(mapped, accelerator=_Unchecked(tuple(stages)))  # type: ignore[arg-type]
    with pytest.raises(ValueError) as error:
        check_ranges(planted)
    message = f"Range of the results of fc1 must hold {proven}, not {narrow}"
    assert str(error.value) == message


class _Unchecked:
    """Stands in for an accelerator whose own checks would have refused the planted stage first."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self.stages = stages


@pytest.mark.parametrize(
    ("name", "expected"), [("fc.1", "fc_1"), ("output.logits", "output_logits"), ("a", "a")]
)
def test_instance_names(name: str, expected: str) -> None:
    assert identifier(name) == expected


def test_layers_named_like_parts_of_the_top_get_other_names() -> None:
    entry = ir.Input("x", (), ir.TensorType((2,), IntegerRange(0, 3)))
    first = ir.Threshold("control", ("x",), np.array([[1], [2]]), np.array([0, 0]))
    second = ir.Threshold("control.", ("control",), np.array([[1], [1]]), np.array([0, 0]))
    ops = (entry, first, replace(second, name="input.edge"))
    graph = ir.Graph("g", ops, {"x": ir.InputEdge(1.0)}, {"input.edge": ir.OutputEdge(1.0)})
    mapped = map_graph(graph, DEVICE, {})
    assert mapped.layers == {"control_2": "control", "input_edge_2": "input.edge"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc9": TableFolding(1, 1, 1)}, "Folding of fc9 must be for one of"),
        ({"fc0": None}, "Folding of fc0 must be given"),
    ],
)
def test_wrong_sets_of_foldings_are_refused(change: dict, message: str) -> None:
    graph = random_chain(3)
    foldings = {**random_foldings(graph, 3), **change}
    foldings = {name: folding for name, folding in foldings.items() if folding is not None}
    with pytest.raises(ValueError) as error:
        map_graph(graph, DEVICE, foldings)
    assert message in str(error.value)


def test_a_table_cannot_be_reloaded() -> None:
    """It has an entry for each value that the weights it was made for can give."""
    entry = ir.Input("x", (), ir.TensorType((3,), IntegerRange(0, 3)))
    table = ir.Table("squares", ("x",), np.array([[0, 1, 4, 9]]), 0)
    edges = {"x": ir.InputEdge(1.0)}, {"squares": ir.OutputEdge(1.0)}
    graph = ir.Graph("table", (entry, table), *edges)
    map_graph(graph, DEVICE, {})
    with pytest.raises(ValueError, match="Layer squares must be no table in a reloadable design"):
        map_graph(graph, DEVICE, {}, reloadable=True)
