"""Branches in the graph: sums and channels side by side."""

from __future__ import annotations

import numpy as np
import pytest

from sterna import ir
from sterna.ir import parse_graph, print_graph
from sterna_hw.base import IntegerRange

NIBBLE = IntegerRange(-8, 7)


def joined(op: ir.Op, shapes: tuple[tuple[int, ...], ...] = ((4,), (4,))) -> ir.Graph:
    """An operation that joins the input ``x`` and thresholds ``b`` of it."""
    entry = ir.Input("x", (), ir.TensorType(shapes[0], NIBBLE))
    channels = shapes[0][-1]
    table = np.tile([-2, 0, 3], (channels, 1))
    signs = ir.Threshold("b", ("x",), table, np.zeros(channels, int), 5)
    edges = {op.name: ir.OutputEdge(1.0)}
    return ir.Graph("g", (entry, signs, op), {"x": ir.InputEdge(1.0)}, edges)


def test_add_by_hand() -> None:
    graph = joined(ir.Add("y", ("x", "b", "x"), (3, -2, 1)))
    x = np.array([[-8, -2, 0, 7]])
    # b counts from 5 how many of -2, 0 and 3 are reached.
    expected = [[4 * -8 - 2 * 5, 4 * -2 - 2 * 6, -2 * 7, 4 * 7 - 2 * 8]]
    assert graph.run_integers(x).tolist() == expected
    assert graph.types["y"].range == IntegerRange(-24 - 16 - 8, 21 - 10 + 7)
    assert parse_graph(print_graph(graph)) == graph


def test_concat_by_hand() -> None:
    graph = joined(ir.Concat("y", ("b", "x")), ((1, 2, 2),))
    x = np.array([[[[-8, 7], [0, 1]]]])
    assert graph.run_integers(x).tolist() == [[[[5, 8, -8, 7], [7, 7, 0, 1]]]]
    assert graph.types["y"] == ir.TensorType((1, 2, 4), IntegerRange(-8, 8))
    assert parse_graph(print_graph(graph)) == graph


def test_readers_are_counted() -> None:
    graph = joined(ir.Add("y", ("x", "b", "x"), (1, 1, 1)))
    assert [graph.reader_count(name) for name in ("x", "b", "y")] == [3, 1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ir.Add("y", ("x",), (1,)), "Inputs of y must be two or more in number, not 1"),
        (lambda: ir.Add("y", ("x", "b"), (1,)), "Factors of y must be 2, not 1"),
        (lambda: ir.Add("y", ("x", "b"), (1, 0)), "Factors of y must not be 0"),
        (lambda: ir.Concat("y", ()), "Inputs of y must be two or more in number, not 0"),
    ],
)
def test_bad_operations_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (ir.Add("y", ("x", "r"), (1, 1)), "Branches of y must have one shape"),
        (ir.Concat("y", ("x", "r")), "Branches of y must agree in all axes but the last"),
    ],
)
def test_branches_that_do_not_fit_are_refused(op: ir.Op, message: str) -> None:
    entry = ir.Input("x", (), ir.TensorType((2, 1, 3), NIBBLE))
    other = ir.Reshape("r", ("x",), (1, 2, 3))
    with pytest.raises(ValueError, match=message):
        ir.Graph("g", (entry, other, op), {"x": ir.InputEdge(1.0)}, {"y": ir.OutputEdge(1.0)})
