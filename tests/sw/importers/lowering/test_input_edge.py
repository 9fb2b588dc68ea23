"""The edge of real inputs: what folds into it, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from sterna.importers import lower
from sterna.source import Clip, Multiply, Relu, SourceBuilder
from sterna.unsupported import UnsupportedError


def network(steps, signed=True, bits=4, zero=0, rounding="ROUND", scale: ArrayLike = 0.3):
    builder = SourceBuilder("edge", "float32")
    x = builder.input("x", (3,))
    for number, step in enumerate(steps):
        x = builder.add(f"step{number}", step, x)
    x = builder.quantise("quantise", x, scale, zero, bits, signed, False, rounding)
    return builder.finish(builder.linear("fc", x, np.eye(3), np.float32(1), None))


def inputs():
    x = np.random.default_rng(0).normal(0, 2, (500, 3)).astype(np.float32)
    x[:3] = [[0.0, -0.0, 1e-45], [-1e-45, 1e30, -1e30], [-1e-38, 0.15, -0.15]]
    return x


CASES = {
    "plain": {"steps": []},
    "relu": {"steps": [Relu()]},
    "clip": {"steps": [Clip(-1.0, 0.77)]},
    "clip and relu": {"steps": [Clip(-1.0, 0.77), Relu()]},
    "unsigned": {"steps": [Relu()], "signed": False},
    "zero point": {"steps": [], "zero": 3},
    "zero point and relu": {"steps": [Relu()], "signed": False, "zero": 5},
    "bipolar": {"steps": [], "bits": 1},
}


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_edge_equals_the_network(case):
    source = network(**case)
    x = inputs()
    np.testing.assert_array_equal(lower(source).graph.run(x).astype(np.float32), source.run(x))


def test_clips_narrow_the_range():
    graph = lower(network([Clip(-1.0, 0.77)])).graph
    assert (graph.types["x"].range.low, graph.types["x"].range.high) == (-3, 3)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (
            {"steps": [Multiply(np.array(2, dtype=np.float32))]},
            "operation before the first quantiser must be a clip, not Multiply",
        ),
        ({"steps": [], "rounding": "FLOOR"}, "rounding of an input must be ROUND, not FLOOR"),
        (
            {"steps": [], "scale": [0.1, 0.2, 0.3]},
            "scale of an input quantiser must be one for the tensor",
        ),
        (
            {"steps": [Relu()], "bits": 1},
            "operation before a bipolar input quantiser must be none, not Relu",
        ),
    ],
)
def test_what_does_not_fold_is_refused(case, reason):
    with pytest.raises(UnsupportedError) as caught:
        lower(network(**case))
    assert [problem.reason for problem in caught.value.problems] == [reason]
