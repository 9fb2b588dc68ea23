"""Passes keep the meaning: same integers before and after."""

import numpy as np
import pytest

from sterna import ir
from sterna.passes import drop_identity, select_label
from sterna_hw.base import IntegerRange, Rounding

from .graphs import random_chain, random_codes


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_dropping_identities_keeps_every_output(seed: int) -> None:
    chain = random_chain(seed, logits=False)
    width = chain.types["x"].size
    entry = ir.Input("x", (), ir.TensorType((1, width), chain.types["x"].range))
    flat = ir.Reshape("flat", ("x",), (width,))
    first = chain.ops[1]
    assert isinstance(first, ir.MatMul)
    moved = ir.MatMul(first.name, ("flat",), first.weights, first.alphabet, first.planes)
    classes = chain.types[chain.output_name].size
    same = ir.Requantize(
        "same",
        (chain.output_name,),
        np.ones(classes, int),
        np.zeros(classes, int),
        0,
        Rounding.FLOOR,
    )
    ops = (entry, flat, moved, *chain.ops[2:], same)
    graph = ir.Graph("g", ops, chain.inputs, {"same": ir.OutputEdge(0.25)}, (1, width))
    smaller = drop_identity(graph)
    assert [op.kind for op in smaller.ops] == [op.kind for op in chain.ops]
    codes = random_codes(seed, chain, 20)
    assert np.array_equal(smaller.run_integers(codes), graph.run_integers(codes))


@pytest.mark.parametrize(
    ("multiplier", "offset", "shift", "clip", "stays"),
    [
        (1, 0, 0, None, False),
        (1, 0, 0, IntegerRange(0, 7), False),
        (1, 0, 0, IntegerRange(0, 6), True),
        (2, 0, 0, None, True),
        (1, 1, 0, None, True),
        (1, 0, 1, None, True),
    ],
)
def test_only_requantises_without_effect_are_dropped(
    multiplier: int, offset: int, shift: int, clip: IntegerRange | None, stays: bool
) -> None:
    entry = ir.Input("x", (), ir.TensorType((1,), IntegerRange(0, 7)))
    constants = (np.array([multiplier]), np.array([offset]), shift, Rounding.FLOOR, clip)
    ops = (entry, ir.Requantize("q", ("x",), *constants))
    graph = ir.Graph("g", ops, {"x": ir.InputEdge(1.0)}, {"q": ir.OutputEdge(1.0)})
    assert ("q" in [op.name for op in drop_identity(graph).ops]) == stays


def test_label_stage_gives_index_and_value() -> None:
    graph = random_chain(5)
    labelled = select_label(graph)
    codes = random_codes(5, graph, 10)
    logits = graph.run_integers(codes)
    pairs = labelled.run_integers(codes)
    assert pairs[:, 0, 0].tolist() == logits.argmax(axis=1).tolist()
    assert pairs[:, 0, 1].tolist() == logits.max(axis=1).tolist()
