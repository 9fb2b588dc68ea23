"""The golden interpreter against values worked out by hand and a scalar retelling of each rule."""

from fractions import Fraction

import numpy as np
import pytest

from sterna import golden, ir
from sterna_hw.base import TERNARY, IntegerRange, Rounding

from .graphs import random_chain, random_codes


def scalar_value(op: ir.Op, x: list[int]) -> list[int]:
    """One sample, one Python integer at a time, from the wording of the numerics."""
    if isinstance(op, ir.MatMul):
        return [sum(int(w) * v for w, v in zip(row, x)) for row in op.weights]
    if isinstance(op, ir.Threshold):
        result = []
        for value, row, falls in zip(x, op.thresholds, op.descending):
            met = sum(1 for threshold in row if value >= threshold)
            result.append(op.low + op.step * (len(row) - met if falls else met))
        return result
    assert isinstance(op, ir.Requantize)
    result = []
    for value, multiplier, offset in zip(x, op.multiplier.tolist(), op.offset.tolist()):
        exact = Fraction(value * multiplier + offset, 2**op.shift)
        if op.rounding is Rounding.FLOOR:
            rounded = exact.__floor__()
        elif op.rounding is Rounding.HALF_UP:
            rounded = (exact + Fraction(1, 2)).__floor__()
        else:
            rounded = round(exact)
        if op.clip is not None:
            rounded = min(max(rounded, op.clip.low), op.clip.high)
        result.append(rounded)
    return result


@pytest.mark.parametrize("seed", range(30), ids=lambda seed: f"seed{seed}")
def test_golden_equals_the_scalar_retelling(seed: int) -> None:
    graph = random_chain(seed)
    codes = random_codes(seed + 1000, graph, 9)
    values = graph.run_integers(codes, checkpoints=True)
    for sample in range(len(codes)):
        x = codes[sample].tolist()
        for op in graph.ops[1:]:
            x = scalar_value(op, x)
            assert values[op.name][sample].tolist() == x


def test_top_k_takes_the_lower_index_on_a_tie() -> None:
    entry = ir.Input("x", (), ir.TensorType((5,), IntegerRange(-9, 9)))
    ops = (entry, ir.TopK("k", ("x",), 3))
    graph = ir.Graph("g", ops, {"x": ir.InputEdge(1.0)}, {"k": ir.OutputEdge(1.0)})
    result = graph.run_integers(np.array([[1, 7, 7, -3, 7], [0, 0, 0, 0, -1]]))
    assert result.tolist() == [[[1, 7], [2, 7], [4, 7]], [[0, 0], [1, 0], [2, 0]]]


def test_large_products_stay_exact() -> None:
    low, high = -(2**40), 2**40
    entry = ir.Input("x", (), ir.TensorType((3,), IntegerRange(low, high)))
    weights = np.array([[9841, -9841, 1]])
    ops = (entry, ir.MatMul("fc", ("x",), weights, TERNARY, 9))
    graph = ir.Graph("g", ops, {"x": ir.InputEdge(1.0)}, {"fc": ir.OutputEdge(1.0)})
    result = graph.run_integers(np.array([[high, low, 1]]))
    assert result.tolist() == [[2 * 9841 * 2**40 + 1]]


def test_edges_round_half_to_even_after_the_clip() -> None:
    entry = ir.Input("x", (), ir.TensorType((4,), IntegerRange(0, 3)))
    graph = ir.Graph("g", (entry,), {"x": ir.InputEdge(0.5)}, {"x": ir.OutputEdge(0.5)})
    x = np.array([[0.25, 0.75, 99.0, -1.0]])
    assert golden.quantize_input(graph, x).tolist() == [[0, 2, 3, 0]]
    assert graph.run(x).tolist() == [[0.0, 1.0, 1.5, 0.0]]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3)), "Inputs must have 4 elements a sample, not shape (2, 3)"),
        (np.full((1, 4), np.nan), "Inputs must be numbers, not NaN"),
    ],
)
def test_bad_inputs_are_refused(x: np.ndarray, message: str) -> None:
    entry = ir.Input("x", (), ir.TensorType((4,), IntegerRange(0, 3)))
    graph = ir.Graph("g", (entry,), {"x": ir.InputEdge(0.5)}, {"x": ir.OutputEdge(0.5)})
    with pytest.raises(ValueError) as error:
        graph.run(x)
    assert str(error.value) == message


def test_codes_outside_the_range_are_refused() -> None:
    graph = random_chain(0)
    codes = random_codes(0, graph, 1) + 100
    with pytest.raises(ValueError, match="Input codes must lie in"):
        graph.run_integers(codes)
