"""Ranges: widths against two's complement itself, arithmetic against every pair of values."""

import itertools

import numpy as np
import pytest

from sterna_hw.base import IntegerRange

SMALL = [IntegerRange(low, high) for low in range(-4, 4) for high in range(low, 5)]


def fits(value: int, width: int, signed: bool) -> bool:
    if signed:
        return -(1 << width - 1) <= value < 1 << width - 1
    return 0 <= value < 1 << width


@pytest.mark.parametrize("low", [-129, -128, -127, -9, -8, -2, -1, 0, 1, 5])
@pytest.mark.parametrize("high", [5, 7, 8, 127, 128, 255, 256])
def test_width_is_the_smallest_that_holds_both_ends(low: int, high: int) -> None:
    values = IntegerRange(low, high)
    assert values.signed == (low < 0)
    ends = (low, high)
    assert all(fits(end, values.width, values.signed) for end in ends)
    assert values.width == 1 or not all(fits(end, values.width - 1, values.signed) for end in ends)


@pytest.mark.parametrize(("low", "high", "width"), [(0, 0, 1), (-1, -1, 1), (-1, 0, 1), (-1, 1, 2)])
def test_small_widths(low: int, high: int, width: int) -> None:
    assert IntegerRange(low, high).width == width


@pytest.mark.parametrize("width", range(1, 9))
@pytest.mark.parametrize("signed", [False, True])
def test_whole_range_of_a_width_has_that_width(width: int, signed: bool) -> None:
    values = IntegerRange.of_width(width, signed)
    assert (values.width, values.signed) == (width, signed)
    assert values.high - values.low + 1 == 2**width


def test_arithmetic_is_the_tightest_interval() -> None:
    for a, b in itertools.product(SMALL, SMALL):
        pairs = list(itertools.product(range(a.low, a.high + 1), range(b.low, b.high + 1)))
        for combine in (lambda x, y: x + y, lambda x, y: x * y):
            values = [combine(x, y) for x, y in pairs]
            assert combine(a, b) == IntegerRange(min(values), max(values))
        assert a.union(b) == IntegerRange(min(a.low, b.low), max(a.high, b.high))
        assert a.contains(b) == all(a.low <= y <= a.high for y in range(b.low, b.high + 1))


def test_contains_looks_at_every_element() -> None:
    assert IntegerRange(-2, 3).contains(np.array([[-2, 3], [0, 1]]))
    assert not IntegerRange(-2, 3).contains(np.array([[-2, 4], [0, 1]]))
    assert not IntegerRange(-2, 3).contains(-3)


def test_ends_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError) as error:
        IntegerRange(3, 2)
    assert str(error.value) == "Low end of a range must be at most 2, not 3"
