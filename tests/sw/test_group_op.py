"""Grouped convolution in the graph: meaning, text form, mapping, pace."""

from __future__ import annotations

import numpy as np
import pytest

from sterna import ir
from sterna.building import predict_cycles, prepare
from sterna.grouping import choose_grouping
from sterna.ir import parse_graph, print_graph
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.queues import size_queues
from sterna_hw.base import TERNARY, IntegerRange, WindowAxis, find_device

from .graphs import random_alphabet, random_axis, random_codes, random_threshold, random_weights

DEVICE = find_device("ecp5-25k")
NIBBLE = IntegerRange(0, 15)


def random_groups(seed: int) -> ir.Graph:
    """A convolution, a grouped one behind it, and a last layer."""
    generator = np.random.default_rng(seed)
    groups, inside, each = (int(generator.integers(1, 4)) for _ in range(3))
    shape = (*(int(n) for n in generator.integers(3, 7, 2)), groups * inside)
    ops: list[ir.Op] = [ir.Input("x", (), ir.TensorType(shape, NIBBLE))]
    kind = ops[0].result_type(())

    def add(op: ir.Op) -> None:
        nonlocal kind
        ops.append(op)
        kind = op.result_type((kind,))

    for layer in range(2):
        rows, columns = (random_axis(generator, size) for size in kind.shape[:2])
        window = ir.Window(f"window{layer}", (ops[-1].name,), rows, columns)
        add(window)
        alphabet, planes = random_alphabet(generator)
        split = groups if layer == 0 or kind.shape[2] // window.taps % groups == 0 else 1
        seen = kind.channels // split
        weights = random_weights(generator, (split * each, seen), alphabet, planes)
        add(
            ir.GroupMatMul(
                f"conv{layer}", (ops[-1].name,), weights, alphabet, planes, split, window.taps
            )
        )
        add(random_threshold(generator, f"act{layer}", ops[-1].name, kind))
    if seed % 3:
        add(ir.Reshape("flat", (ops[-1].name,), (kind.size,)))
        add(ir.MatMul("last", (ops[-1].name,), generator.integers(-1, 2, (3, kind.size)), TERNARY))
    edges = {ops[-1].name: ir.OutputEdge(0.25)}
    return ir.Graph(f"groups{seed}", tuple(ops), {"x": ir.InputEdge(0.5)}, edges)


@pytest.mark.parametrize("seed", range(12), ids=lambda seed: f"seed{seed}")
def test_parts_compute_what_the_graph_means(seed: int) -> None:
    graph = random_groups(seed)
    assert parse_graph(print_graph(graph)) == graph
    codes = random_codes(seed, graph, 3)
    values = graph.run_integers(codes, True)
    for op in graph.ops:
        if isinstance(op, ir.GroupMatMul):
            x = values[op.inputs[0]]
            split = x.reshape(*x.shape[:-1], op.taps, op.groups, op.inside)
            rows = op.weights.reshape(op.groups, -1, op.taps, op.inside)
            expected = np.einsum("...tgn,gotn->...go", split, rows)
            np.testing.assert_array_equal(values[op.name], expected.reshape(values[op.name].shape))
            assert graph.types[op.name].range.contains(values[op.name])
    hardware = prepare(graph)
    foldings = Planner(hardware, DEVICE).plan()
    mapped = map_graph(hardware, DEVICE, foldings, queues=size_queues(hardware, DEVICE, foldings))
    *_, result = mapped.accelerator.compute(codes.reshape(3, -1)).values()
    np.testing.assert_array_equal(result, values[graph.output_name].reshape(3, -1))


def depthwise(planes: int, outputs: int = 16) -> ir.Graph:
    sides = WindowAxis(8, 3, 1, 1, 1, 1)
    limit = (3**planes - 1) // 2
    weights = np.random.default_rng(planes).integers(-limit, limit + 1, (outputs, 9))
    weights[0, 0] = limit
    entry = ir.Input("x", (), ir.TensorType((8, 8, 8), NIBBLE))
    window = ir.Window("window", ("x",), sides, sides)
    conv = ir.GroupMatMul("conv", ("window",), weights, TERNARY, planes, 8, 9)
    edges = {"conv": ir.OutputEdge(1.0)}
    return ir.Graph("depthwise", (entry, window, conv), {"x": ir.InputEdge(1.0)}, edges)


def test_as_fast_as_its_pixels_come() -> None:
    """64 pixels of 8 channels in beats of 8; three planes take three cycles for each of them."""
    graph = depthwise(3, 8)
    mapped = map_graph(graph, DEVICE, Planner(graph, DEVICE).plan())
    part = next(stage.part for stage in mapped.accelerator.stages if stage.name == "conv")
    assert part.timing().busy_cycles == 3
    assert predict_cycles(mapped.accelerator)[1] == 64 * 3


def test_grouping_is_as_narrow_as_the_pace_allows() -> None:
    op = depthwise(2)["conv"]
    assert isinstance(op, ir.GroupMatMul)
    found = [choose_grouping(op, 64, 64, 64 * pace) for pace in (1, 2, 4, 8, 16, 32, 99)]
    assert [(item.beat_groups, item.queries, item.cycles) for item in found] == [
        *[(8, 16, 2)] * 2,
        (4, 8, 4),
        (2, 4, 8),
        (1, 2, 16),
        *[(1, 1, 32)] * 2,
    ]


def test_an_interval_that_cannot_be_reached_is_refused() -> None:
    with pytest.raises(ValueError, match="Interval of conv must be 192 cycles or more, not 100"):
        Planner(depthwise(3), DEVICE).plan(100)


@pytest.mark.parametrize(
    ("groups", "taps", "message"),
    [
        (3, 9, "Groups of g must divide its 16 outputs, not be 3"),
        (8, 5, "Taps of g must divide the 9 weights of an output, not be 5"),
        (4, 9, "Inputs of g must be 36, not 72"),
    ],
)
def test_what_does_not_fit_is_refused(groups: int, taps: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        op = ir.GroupMatMul("g", ("x",), np.ones((16, 9), int), TERNARY, 1, groups, taps)
        op.result_type((ir.TensorType((1, 1, 72), NIBBLE),))
