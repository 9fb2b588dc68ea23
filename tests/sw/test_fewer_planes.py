"""Weights in fewer planes: the new network means exactly its scales times its letters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sterna import golden, ir
from sterna.passes import fewer_planes, plane_counts
from sterna.passes.fewer_planes import SCALE_UNIT, fit_planes
from sterna_hw.base import TERNARY, IntegerRange, Rounding

from .graphs import random_codes, random_threshold


def network(seed: int, planes: int = 3) -> ir.Graph:
    """Two layers of weights in so many planes: thresholds behind one, a requantiser behind the
    other."""
    generator = np.random.default_rng(seed)
    largest = TERNARY.plane_range(planes).high
    ops: list[ir.Op] = [ir.Input("x", (), ir.TensorType((9,), IntegerRange(-3, 7)))]
    weights = [generator.integers(-largest, largest + 1, size) for size in ((7, 9), (4, 7))]
    first = ir.MatMul("first", ("x",), weights[0], TERNARY, planes)
    kind = first.result_type((ops[0].result_type(()),))
    act = random_threshold(generator, "act", "first", kind)
    second = ir.MatMul("second", ("act",), weights[1], TERNARY, planes)
    logits = ir.Requantize(
        "logits",
        ("second",),
        generator.integers(1, 50, 4),
        generator.integers(-900, 900, 4),
        3,
        Rounding.HALF_EVEN,
    )
    ops += [first, act, second, logits]
    edges = {"logits": ir.OutputEdge(0.25)}
    return ir.Graph(f"planes{seed}", tuple(ops), {"x": ir.InputEdge(0.5)}, edges)


def with_sums(graph: ir.Graph, codes: np.ndarray, layer: str, planes: int) -> np.ndarray:
    """The graph's output if the layer's sums were those of its scaled letters, in fractions: all
    in units of 1/16, so that whole numbers tell them."""
    values = golden.run_values(graph, codes)
    op = graph[layer]
    assert isinstance(op, ir.MatMul)
    letters, scales = fit_planes(op.weights, planes)
    sums = (values[op.inputs[0]] @ letters.T) * scales
    (reader,) = graph.users(layer)
    if isinstance(reader, ir.Threshold):
        met = sums[..., np.newaxis] >= reader.thresholds * SCALE_UNIT
        count = met.sum(axis=-1)
        most = reader.thresholds.shape[1]
        return reader.low + reader.step * np.where(reader.descending, most - count, count)
    assert isinstance(reader, ir.Requantize)
    wide = sums * reader.multiplier + reader.offset * SCALE_UNIT
    return reader.rounding.shift_right(wide, reader.shift + 4)


@pytest.mark.parametrize("layer", ["first", "second"])
@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_the_reader_sees_scaled_sums(seed: int, planes: int, layer: str) -> None:
    graph = network(seed)
    codes = random_codes(seed, graph, 200)
    changed = fewer_planes(graph, {layer: planes})
    (reader,) = graph.users(layer)
    found = golden.run_values(changed, codes)[reader.name]
    assert (found == with_sums(graph, codes, layer, planes)).all()
    op = changed[layer]
    assert isinstance(op, ir.MatMul) and op.planes == planes


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_weights_that_fit_are_kept(seed: int) -> None:
    """Letters times a scale on the grid are found again without any difference."""
    generator = np.random.default_rng(seed)
    letters = generator.integers(-1, 2, (5, 12))
    letters[:, 0] = 1
    found, scales = fit_planes(4 * letters, 1)
    assert (found * scales[:, np.newaxis] == 4 * letters * SCALE_UNIT).all()
    nothing, _ = fit_planes(np.zeros((2, 3), dtype=np.int64), 1)
    assert not nothing.any()


def test_more_planes_come_nearer() -> None:
    weights = np.random.default_rng(5).integers(-100, 101, (6, 40))
    errors = []
    for planes in range(1, 5):
        letters, scales = fit_planes(weights, planes)
        errors.append(((weights - letters * scales[:, np.newaxis] / SCALE_UNIT) ** 2).mean())
    assert (np.diff(errors) < 0).all()
    # A plane more divides the step by three and the error by nine or so.
    assert errors[2] < errors[0] / 20


def test_what_cannot_be_changed_is_refused() -> None:
    graph = network(0)
    assert plane_counts(graph) == {"first": 3, "second": 3}
    with pytest.raises(ValueError, match=r"must be one of \['first', 'second'\], not 'act'"):
        fewer_planes(graph, {"act": 1})
    for count in (0, 4):
        with pytest.raises(ValueError, match=f"Planes of first must be 1 to 3, not {count}"):
            fewer_planes(graph, {"first": count})
    assert fewer_planes(graph, {"first": 3}) == graph
    bare = replace(graph, ops=graph.ops[:-1], outputs={"second": ir.OutputEdge(1.0)})
    assert plane_counts(bare) == {"first": 3}
