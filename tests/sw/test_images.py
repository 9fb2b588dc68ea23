"""Windows and pooling in the graph: meaning, mapping, cycles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sterna import ir
from sterna.building import predict_cycles, prepare
from sterna.ir import parse_graph, print_graph
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.queues import size_queues
from sterna_hw.base import TERNARY, IntegerRange, WindowAxis, find_device

from .graphs import image_operations, random_codes, random_images

DEVICE = find_device("ecp5-25k")
NIBBLE = IntegerRange(0, 15)


def test_window_by_hand() -> None:
    """Two channels, two by two taps, one row of padding above."""
    op = ir.Window("w", ("x",), WindowAxis(2, 2, before=1), WindowAxis(2, 2), pad_value=9)
    entry = ir.Input("x", (), ir.TensorType((2, 2, 2), NIBBLE))
    graph = ir.Graph("g", (entry, op), {"x": ir.InputEdge(1.0)}, {"w": ir.OutputEdge(1.0)})
    image = np.arange(8).reshape(1, 2, 2, 2)
    expected = [[9, 9, 9, 9, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7]]
    np.testing.assert_array_equal(graph.run_integers(image).reshape(2, 8), expected)
    assert graph.types["w"].shape == (2, 1, 8)


@pytest.mark.parametrize("mode", ["max", "sum"])
def test_pool_by_hand(mode: str) -> None:
    op = ir.Pool("p", ("x",), mode, 3)
    entry = ir.Input("x", (), ir.TensorType((1, 1, 6), NIBBLE))
    graph = ir.Graph("g", (entry, op), {"x": ir.InputEdge(1.0)}, {"p": ir.OutputEdge(1.0)})
    taps = np.array([[1, 9], [4, 2], [3, 3]]).reshape(1, 1, 1, 6)
    expected = {"max": [4, 9], "sum": [8, 14]}[mode]
    assert graph.run_integers(taps).ravel().tolist() == expected
    assert graph.types["p"].range == (NIBBLE if mode == "max" else NIBBLE * 3)


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed{seed}")
def test_parts_compute_what_the_graph_means(seed: int) -> None:
    graph = random_images(seed)
    assert parse_graph(print_graph(graph)) == graph
    codes = random_codes(seed, graph, 3)
    hardware = prepare(graph)
    foldings = Planner(hardware, DEVICE).plan()
    mapped = map_graph(hardware, DEVICE, foldings, queues=size_queues(hardware, DEVICE, foldings))
    *_, result = mapped.accelerator.compute(codes.reshape(3, -1)).values()
    np.testing.assert_array_equal(result, graph.run_integers(codes).reshape(3, -1))


@pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")
def test_every_operation_on_images(seed: int) -> None:
    graph = image_operations(seed)
    assert parse_graph(print_graph(graph)) == graph
    codes = random_codes(seed, graph, 3)
    values = graph.run_integers(codes, True)
    for name, kind in graph.types.items():
        assert kind.range.contains(values[name])
    mapped = map_graph(graph, DEVICE, Planner(graph, DEVICE).plan(120 + 80 * seed))
    results = mapped.accelerator.compute(codes.reshape(3, -1))
    for stage, layer in mapped.layers.items():
        np.testing.assert_array_equal(results[stage].ravel(), values[layer].ravel())


def convolution(size: int, channels: int, outputs: int, padding: int) -> ir.Graph:
    rng = np.random.default_rng(size)
    sides = WindowAxis(size, 3, 1, 1, padding, padding)
    entry = ir.Input("x", (), ir.TensorType((size, size, channels), NIBBLE))
    window = ir.Window("window", ("x",), sides, sides)
    weights = rng.integers(-1, 2, (outputs, 9 * channels))
    product = ir.MatMul("conv", ("window",), weights, TERNARY)
    edges = {"conv": ir.OutputEdge(1.0)}
    return ir.Graph("conv", (entry, window, product), {"x": ir.InputEdge(1.0)}, edges)


@pytest.mark.parametrize(("size", "padding", "limit"), [(8, 1, 300), (7, 0, 220)])
def test_no_bubbles_between_rows_and_frames(size: int, padding: int, limit: int) -> None:
    """The interval is that of the engine, as if a frame's positions came without end."""
    graph = convolution(size, 4, 8, padding)
    planner = Planner(graph, DEVICE)
    foldings = planner.plan(limit)
    mapped = map_graph(graph, DEVICE, foldings)
    (layer,) = planner.layers
    ideal = planner.interval(layer, foldings["conv"].engine_config(layer, NIBBLE, None))
    assert predict_cycles(mapped.accelerator)[1] == ideal <= limit


@pytest.mark.parametrize("name", ["pixels", "image", "image_gearbox", "conv"])
def test_layers_may_have_the_names_of_inner_stages(name: str) -> None:
    graph = convolution(6, 3, 4, 1)
    entry, window, product = graph.ops
    ops = (entry, window, replace(product, name=name))
    named = ir.Graph("conv", ops, graph.inputs, {name: ir.OutputEdge(1.0)})
    mapped = map_graph(named, DEVICE, Planner(named, DEVICE).plan())
    assert name in mapped.layers.values()


def test_windows_are_no_faster_than_their_pixels() -> None:
    with pytest.raises(ValueError, match="Interval of window must be 64 cycles or more, not 50"):
        Planner(convolution(8, 1, 4, 1), DEVICE).plan(50)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (ir.Window("w", ("x",), WindowAxis(5, 3), WindowAxis(6, 3)), "must have the size"),
        (ir.Pool("p", ("x",), "max", 5), "Taps of p must divide the 4 elements"),
    ],
)
def test_what_does_not_fit_is_refused(op: ir.Op, message: str) -> None:
    entry = ir.Input("x", (), ir.TensorType((6, 6, 4), NIBBLE))
    with pytest.raises(ValueError, match=message):
        ir.Graph("g", (entry, op), {"x": ir.InputEdge(1.0)}, {op.name: ir.OutputEdge(1.0)})


def test_windows_must_be_read_by_a_layer() -> None:
    sides = WindowAxis(6, 3)
    entry = ir.Input("x", (), ir.TensorType((6, 6, 1), NIBBLE))
    window = ir.Window("w", ("x",), sides, sides)
    falls = np.zeros(9, dtype=int)
    signs = ir.Threshold("t", ("w",), np.full((9, 1), 3), falls)
    edges = {"t": ir.OutputEdge(1.0)}
    graph = ir.Graph("g", (entry, window, signs), {"x": ir.InputEdge(1.0)}, edges)
    with pytest.raises(ValueError, match="Layer t must not read a window"):
        map_graph(graph, DEVICE, {})


def test_mode_of_pooling_is_checked() -> None:
    with pytest.raises(ValueError, match="Mode of p must be max or sum, not 'median'"):
        ir.Pool("p", ("x",), "median", 4)
