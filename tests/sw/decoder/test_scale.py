"""Scales: the entry from real numbers."""

import math

import numpy as np
import pytest

from sterna.decoder.scale import Scale, nearest_scale


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_nearest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for value in np.exp(rng.uniform(-60, 60, 500)):
        scale = nearest_scale(float(value))
        assert 1 << 15 <= scale.mantissa < 1 << 16
        assert abs(scale.real - value) <= math.ldexp(0.5, scale.exponent)


def test_edges() -> None:
    assert nearest_scale(0.0) == Scale(0, 0)
    assert nearest_scale(1.0) == Scale(1 << 15, -15)
    # The mantissa that would round up to 2**16 is carried.
    assert nearest_scale(2.0 - 2.0**-20) == Scale(1 << 15, -14)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_not_a_scale(value: float) -> None:
    with pytest.raises(ValueError, match="Scale must be a finite number of 0 or more"):
        nearest_scale(value)


@pytest.mark.parametrize(
    ("mantissa", "exponent", "message"),
    [(5, 0, "Mantissa"), (1 << 16, 0, "Mantissa"), (1 << 15, 3000, "Exponent"), (0, 1, "zero")],
)
def test_bad_pairs(mantissa: int, exponent: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scale(mantissa, exponent)
