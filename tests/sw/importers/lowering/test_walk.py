"""Lowering of source networks built by hand: structure, notes, and problems of every layer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from sterna.importers import lower
from sterna.importers.lowering.alphabets import choose_alphabet
from sterna.ir import Threshold
from sterna.source import Multiply, Relu, Reshape, SourceBuilder
from sterna.unsupported import UnsupportedError


class Chain:
    """A network built by chained calls, with a 4-bit input quantiser."""

    def __init__(self, shape=(4,)):
        self.builder = SourceBuilder("chain", "float32")
        self.value = self.builder.input("x", shape)
        self.quantise("quantise", bits=4)

    def quantise(self, name, scale: ArrayLike = 0.5, bits=4.0, signed=True):
        self.value = self.builder.quantise(name, self.value, scale, 0, bits, signed, False, "ROUND")
        return self

    def linear(self, name, weights, scale: ArrayLike = 0.25, bias=None):
        self.value = self.builder.linear(name, self.value, np.array(weights), scale, bias)
        return self

    def add(self, name, operation):
        self.value = self.builder.add(name, operation, self.value)
        return self

    def finish(self):
        return self.builder.finish(self.value)


def inputs(size=4):
    return np.random.default_rng(0).normal(0, 3, (400, size)).astype(np.float32)


def equal(source, x=None):
    x = inputs() if x is None else x
    graph = lower(source).graph
    np.testing.assert_array_equal(graph.run(x).astype(np.float32), source.run(x))
    return graph


def test_quantiser_behind_a_quantiser():
    source = Chain().quantise("again", 1.0, 3).linear("fc", np.eye(4, dtype=int)).finish()
    graph = equal(source)
    assert [op.kind for op in graph.ops] == ["input", "threshold", "matmul", "requantize"]


def test_two_linear_layers_read_one_value():
    # The graph is SSA: the first layer's result is read by nobody and vanishes.
    chain = Chain()
    shared = chain.value
    chain.linear("unused", np.eye(4, dtype=int))
    chain.value = shared
    graph = equal(chain.linear("used", np.eye(4, dtype=int)).finish())
    assert [op.name for op in graph.ops] == ["x", "used", "used.logits"]


def test_reshape_between_layers():
    chain = Chain((2, 4)).linear("fc", [[1, 0, -1, 1], [0, 1, 1, 0]]).quantise("act")
    chain.add("flatten", Reshape((4,))).linear("last", [[1, 1, 0, -1]])
    graph = equal(chain.finish(), inputs(8).reshape(-1, 2, 4))
    assert [op.kind for op in graph.ops][3] == "reshape"


def test_names_are_valid_and_unique():
    chain = Chain().linear("/a b/0", np.eye(4, dtype=int)).quantise("0")
    chain.linear("_a_b_0", np.eye(4, dtype=int))
    names = [op.name for op in lower(chain.finish()).graph.ops]
    assert names == ["x", "a_b_0", "layer_0", "a_b_0_1", "a_b_0_1.logits"]


@pytest.mark.parametrize(
    ("weights", "binary", "name", "planes"),
    [
        ([[1, -1]], True, "binary", 1),
        ([[1, -1]], False, "ternary", 1),
        ([[0, 0]], False, "ternary", 1),
        ([[-2, 1]], False, "two_bit", 1),
        ([[2, 1]], False, "shifts", 1),
        ([[4, -2, 0]], False, "shifts", 1),
        ([[16, -8]], False, "shifts_16", 1),
        ([[3, 1]], False, "ternary", 2),
        ([[8, -7]], False, "ternary", 3),
        ([[128, 1]], False, "ternary", 6),
        ([[7, -7]], False, "ternary", 3),
        ([[127, -128]], False, "ternary", 6),
    ],
)
def test_alphabets(weights, binary, name, planes):
    alphabet, count = choose_alphabet(np.array(weights), binary)
    assert (alphabet.name, count) == (name, planes)
    alphabet.to_planes(np.array(weights), count)


def test_notes_tell_how_floats_were_left():
    chain = Chain().linear("fc", np.eye(4, dtype=int), 0.3).quantise("act", 0.7)
    lowering = lower(
        chain.linear("last", np.eye(4, dtype=int), [[0.1], [0.2], [0.3], [0.4]]).finish()
    )
    assert [(note.layer, note.form) for note in lowering.notes] == [
        ("act", "thresholds, enumerated"),
        ("last.logits", "logits"),
    ]
    assert 0 < lowering.notes[1].error_bound < 1e-5


def test_per_channel_activation_scales_may_only_leave():
    scales = [0.25, 0.5, 1.0, 2.0]
    chain = Chain().linear("fc", np.eye(4, dtype=int)).quantise("act", scales)
    equal(chain.finish())
    with pytest.raises(UnsupportedError, match="last: input must have one scale, not one a ch"):
        lower(chain.linear("last", np.eye(4, dtype=int)).finish())


def test_problems_come_in_the_order_of_the_layers():
    eye = np.eye(4, dtype=int)
    chain = Chain().linear("a", eye).linear("b", eye).linear("c", eye, 0.0)
    not_a_number = Multiply(np.array(np.nan, dtype=np.float32))
    chain.quantise("d", -1.0).add("e", not_a_number).linear("f", eye)
    chain.add("g", Relu())
    with pytest.raises(UnsupportedError) as caught:
        lower(chain.finish())
    assert [problem.layer for problem in caught.value.problems] == ["b", "c", "d", "e"]


def test_falling_and_constant_channels():
    gains = Multiply(np.array([1, -1, 0, -0.3], dtype=np.float32))
    chain = Chain().linear("fc", np.eye(4, dtype=int)).add("norm", gains).quantise("act", 0.3, 3)
    graph = equal(chain.linear("last", np.eye(4, dtype=int)).finish())
    act = graph["act"]
    assert isinstance(act, Threshold)
    assert act.descending.tolist() == [0, 1, 0, 1]
