"""Rounding modes against exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest

from sterna_hw.base import Rounding

EXACT = {
    Rounding.FLOOR: math.floor,
    Rounding.HALF_UP: lambda value: math.floor(value + Fraction(1, 2)),
    Rounding.HALF_EVEN: round,
}


@pytest.mark.parametrize("mode", Rounding, ids=lambda mode: mode.value)
@pytest.mark.parametrize("shift", [0, 1, 2, 5])
def test_shift_equals_the_exact_quotient(mode: Rounding, shift: int) -> None:
    values = np.arange(-100, 101)
    exact = [EXACT[mode](Fraction(int(value), 2**shift)) for value in values]
    assert mode.shift_right(values, shift).tolist() == exact


@pytest.mark.parametrize("mode", Rounding, ids=lambda mode: mode.value)
@pytest.mark.parametrize("value", [2**61 - 1, -(2**61), 2**60 + 1])
def test_large_values_stay_exact(mode: Rounding, value: int) -> None:
    result = mode.shift_right(np.array([value]), 40)
    assert result.tolist() == [EXACT[mode](Fraction(value, 2**40))]


def test_negative_shift_is_refused() -> None:
    with pytest.raises(ValueError, match="Shift must be 0 or more, not -1"):
        Rounding.FLOOR.shift_right(np.array([1]), -1)
