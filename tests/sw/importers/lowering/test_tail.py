"""Thresholds of float tails: equal to the tail everywhere, enumerated or bisected."""

from __future__ import annotations

import numpy as np
import pytest

from sterna.importers.lowering.tail import FloatTail, TailError, find_thresholds
from sterna.source import (
    Add,
    BipolarQuantiser,
    Clip,
    Elementwise,
    IntegerQuantiser,
    Multiply,
    MultiplyAdd,
    Relu,
)
from sterna_hw.base import IntegerRange


def random_tail(seed):
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(1, 6))
    single = np.float32

    def constants(spread):
        values = rng.normal(0, spread, channels).astype(single)
        values[rng.random(channels) < 0.15] = 0
        return values

    steps = [
        Multiply(constants(1)),
        Add(constants(4)),
        MultiplyAdd(constants(1), constants(4)),
        Relu(),
        Clip(-2.5, 3.1),
    ]
    chosen = tuple(steps[i] for i in rng.integers(0, len(steps), int(rng.integers(0, 4))))
    scale = rng.uniform(0.001, 0.3, channels)
    zero = rng.integers(-9, 9, channels)
    tail = FloatTail(scale, zero, chosen, "float32")
    if rng.random() < 0.2:
        return tail, BipolarQuantiser(np.array(single(0.5)))
    bits, signed = int(rng.integers(1, 7)), bool(rng.integers(2))
    rounding = str(rng.choice(["ROUND", "FLOOR", "HALF_UP", "CEIL"]))
    scale = np.array(single(rng.uniform(0.01, 1)))
    quantiser = IntegerQuantiser(scale, 0, bits + signed, signed, False, rounding)
    return tail, quantiser


def apply(found, quantiser, x):
    """Retells the meaning of thresholds, value by value and threshold by threshold."""
    met = (x[:, np.newaxis, np.newaxis] >= found.table).sum(axis=2)
    count = found.table.shape[1]
    return quantiser.low + quantiser.step * np.where(found.descending, count - met, met)


@pytest.mark.parametrize("limit", [1 << 27, 0], ids=["enumerated", "bisected"])
@pytest.mark.parametrize("seed", range(60), ids=lambda seed: f"seed{seed}")
def test_thresholds_equal_the_tail_everywhere(seed, limit):
    tail, quantiser = random_tail(seed)
    values = IntegerRange(-700, 900)
    found = find_thresholds(tail, quantiser, values, limit)
    assert found.enumerated == (limit > 0)
    x = np.arange(values.low, values.high + 1)
    expected = quantiser.codes(tail.real(x[:, np.newaxis]))
    np.testing.assert_array_equal(apply(found, quantiser, x), expected)
    assert (np.diff(found.table, axis=1) >= 0).all()
    assert found.table.min() >= values.low
    assert found.table.max() <= values.high + 1


@pytest.mark.parametrize("seed", range(60), ids=lambda seed: f"seed{seed}")
def test_bisection_gives_the_same_thresholds(seed):
    tail, quantiser = random_tail(seed)
    values = IntegerRange(-700, 900)
    one = find_thresholds(tail, quantiser, values)
    other = find_thresholds(tail, quantiser, values, 0)
    np.testing.assert_array_equal(one.table, other.table)
    np.testing.assert_array_equal(one.descending, other.descending)


def test_constant_channels():
    tail = FloatTail(
        np.ones(2),
        np.zeros(2, np.int64),
        (Multiply(np.array([0, -1], dtype=np.float32)),),
        "float32",
    )
    quantiser = IntegerQuantiser(np.array(np.float32(1)), bits=2)
    found = find_thresholds(tail, quantiser, IntegerRange(-5, 5))
    # Zero lies two levels above the lowest code: two thresholds always met, one never.
    assert found.table.tolist() == [[-5, -5, 6], [0, 1, 2]]
    assert found.descending.tolist() == [0, 1]


def test_chunks_join(monkeypatch):
    tail, quantiser = random_tail(3)
    whole = find_thresholds(tail, quantiser, IntegerRange(-700, 900))
    monkeypatch.setattr("sterna.importers.lowering.tail._CHUNK", 37)
    parts = find_thresholds(tail, quantiser, IntegerRange(-700, 900))
    np.testing.assert_array_equal(whole.table, parts.table)


class Absolute(Elementwise):
    def evaluate(self, x):
        return np.abs(x)


def test_what_is_not_monotone_is_refused():
    tail = FloatTail(np.ones(2), np.zeros(2, np.int64), (Absolute(),), "float32")
    quantiser = IntegerQuantiser(np.array(np.float32(1)))
    with pytest.raises(TailError, match="codes of channel 0 must rise or fall, not both"):
        find_thresholds(tail, quantiser, IntegerRange(-5, 5))


def test_what_is_not_a_number_is_refused():
    huge = Multiply(np.array([1, 3e38], dtype=np.float32))
    zero = Multiply(np.array([1, 0], dtype=np.float32))
    tail = FloatTail(np.ones(2), np.zeros(2, np.int64), (huge, zero), "float32")
    quantiser = IntegerQuantiser(np.array(np.float32(1)))
    with pytest.raises(TailError, match="values of channel 1 must be numbers, not NaN"):
        find_thresholds(tail, quantiser, IntegerRange(-5, 5))
