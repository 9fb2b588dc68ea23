"""The graph: text form, proven types, refusals."""

from typing import Any

import numpy as np
import pytest

from sterna import ir
from sterna_hw.base import BINARY, TERNARY, IntegerRange, Rounding

from .graphs import random_chain, random_codes

SEEDS = pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed{seed}")


@SEEDS
def test_text_form_is_exact_both_ways(seed: int) -> None:
    graph = random_chain(seed)
    text = ir.print_graph(graph)
    again = ir.parse_graph(text)
    assert again == graph
    assert ir.print_graph(again) == text


def test_printing_a_graph_takes_a_line_an_operation() -> None:
    """It once showed every weight."""
    graph = random_chain(3)
    lines = str(graph).splitlines()
    assert lines[0] == f"{graph.name}: {len(graph.ops)} operations"
    assert len(lines) == 1 + len(graph.ops)
    for op, line in zip(graph.ops, lines[1:]):
        assert op.name in line and op.kind in line and str(graph.types[op.name].range) in line


@SEEDS
def test_proven_ranges_hold_every_value(seed: int) -> None:
    graph = random_chain(seed)
    values = graph.run_integers(random_codes(seed, graph, 200), checkpoints=True)
    for name, array in values.items():
        assert graph.types[name].range.contains(array), name


def test_matmul_range_is_reached_at_both_ends() -> None:
    weights = np.array([[1, -1, 1], [-1, -1, 0]])
    assert IntegerRange.of_sums(weights, IntegerRange(0, 3)) == IntegerRange(-6, 6)
    assert IntegerRange.of_sums(weights, IntegerRange(1, 3)) == IntegerRange(-6, 6)
    assert IntegerRange.of_sums(weights, IntegerRange(-2, 1)) == IntegerRange(-5, 4)


def test_graphs_differ_when_one_weight_differs() -> None:
    graph = random_chain(3)
    matmul = graph.ops[1]
    assert isinstance(matmul, ir.MatMul)
    weights = matmul.weights.copy()
    weights[0, 0] = next(v for v in matmul.alphabet.values if v != weights[0, 0])
    other = ir.MatMul(matmul.name, matmul.inputs, weights, matmul.alphabet, matmul.planes)
    assert other != matmul
    with pytest.raises(ValueError, match="read-only"):
        matmul.weights[0, 0] = 0


def _matmul(**change: Any) -> ir.MatMul:
    record: dict = {"weights": np.array([[1, 0], [-1, 1]]), "alphabet": TERNARY, "planes": 1}
    return ir.MatMul("fc", ("x",), **(record | change))


def _graph(*ops: ir.Op) -> ir.Graph:
    entry = ir.Input("x", (), ir.TensorType((2,), IntegerRange(0, 3)))
    outputs = {(ops[-1].name if ops else "x"): ir.OutputEdge(1.0)}
    return ir.Graph("g", (entry, *ops), {"x": ir.InputEdge(1.0)}, outputs)


def _threshold(rows: list, directions: list, **change: int) -> ir.Threshold:
    return ir.Threshold("t", ("x",), np.array(rows), np.array(directions), **change)


REFUSALS = {
    "letter": (
        lambda: _matmul(alphabet=BINARY),
        "Weights must be letters of binary (-1, 1), not 0",
    ),
    "float weights": (
        lambda: _matmul(weights=np.ones((2, 2))),
        "Weights of fc must be integers, not float64",
    ),
    "planes": (
        lambda: _matmul(weights=np.array([[5, 0]]), planes=2),
        "Weights must be within +-4 for 2 planes, not 5",
    ),
    "width": (
        lambda: _graph(_matmul(weights=np.array([[1, 0, 1]]))),
        "Inputs of fc must be 3, not 2",
    ),
    "order of thresholds": (
        lambda: _threshold([[3, 2]], [0]),
        "Thresholds of t must be one or more in ascending order",
    ),
    "direction count": (
        lambda: _threshold([[1], [2]], [0]),
        "Directions of t must be 2, not 1",
    ),
    "direction": (lambda: _threshold([[1]], [2]), "Directions of t must be 0 or 1"),
    "step": (lambda: _threshold([[1]], [0], step=0), "Step of t must be 1 or more, not 0"),
    "channels": (lambda: _graph(_threshold([[1]], [0])), "Channels of t must be 1, not 2"),
    "undefined input": (
        lambda: _graph(ir.Reshape("r", ("y",), (2,))),
        "Input of r must be defined before, not 'y'",
    ),
    "twice": (
        lambda: _graph(ir.Reshape("x", ("x",), (2,))),
        "Name of an operation must be unique, not 'x' again",
    ),
    "reshape": (
        lambda: _graph(ir.Reshape("r", ("x",), (3,))),
        "Shape of r must hold 2 elements, not (3,)",
    ),
    "top k": (lambda: _graph(ir.TopK("k", ("x",), 3)), "K of k must be 1 to 2 of one axis, not 3"),
    "name": (
        lambda: ir.Reshape("a b", ("x",), (2,)),
        "Name of an operation must be letters, digits, dots and underscores, not 'a b'",
    ),
    "scale": (
        lambda: ir.InputEdge(float("inf")),
        "Scale of an edge must be finite and above zero, not inf",
    ),
    "shift": (
        lambda: ir.Requantize("q", ("x",), np.array([1]), np.array([0]), 63, Rounding.FLOOR),
        "Shift of q must be 0 to 62, not 63",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_malformed_graphs_are_refused(case: str) -> None:
    make, message = REFUSALS[case]
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sterna-ir 1", "sterna-ir 9", "First line of a graph must be 'sterna-ir 1'"),
        ("matmul(", "matmull(", "operation 'matmull' is unknown"),
        (" : 2 [0, 3]", " : 2 [0, 4]", "Type in line 3 must be the proven 2 [0, 3]"),
        ("edge in", "hedge in", "form is unknown"),
    ],
)
def test_damaged_text_is_refused(old: str, new: str, message: str) -> None:
    text = ir.print_graph(_graph(_matmul()))
    assert old in text
    with pytest.raises(ValueError) as error:
        ir.parse_graph(text.replace(old, new))
    assert message in str(error.value)
