"""Wide logits: exact where they can be, within the stated bound elsewhere."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from sterna.importers.lowering.affine import AffineForm
from sterna.importers.lowering.logits import LOGIT_WIDTH, fit_logits
from sterna_hw.base import IntegerRange

RANGE = IntegerRange(-3000, 2500)


def form(gains, offsets):
    none = (None,) * len(gains)
    return AffineForm(tuple(map(Fraction, gains)), tuple(map(Fraction, offsets)), none, none)


@pytest.mark.parametrize(
    ("gains", "offsets", "multiplier", "offset"),
    [
        ((0.37, 0.37), (0, 0), (1, 1), (0, 0)),
        ((0.5, 0.25), (0, 0), (2, 1), (0, 0)),
        ((0.5, -0.25), (1, 0.125), (4, -2), (8, 1)),
        ((0.37, 0.37), (0.37 * 3, 0), (1, 1), (3, 0)),
        ((0.0, 0.0), (0.5, 2), (0, 0), (1, 4)),
        ((0.0, 2.0), (0, 0), (0, 1), (0, 0)),
    ],
)
def test_exact_with_the_fewest_bits(gains, offsets, multiplier, offset):
    fractions = form(gains, offsets)
    if offsets[0] == 0.37 * 3:
        fractions = form(gains, (Fraction(0.37) * 3, 0))
    fit = fit_logits(fractions, RANGE)
    assert fit.error_bound == 0
    assert fit.multiplier.tolist() == list(multiplier)
    assert fit.offset.tolist() == list(offset)


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed{seed}")
def test_error_is_within_the_bound(seed):
    rng = np.random.default_rng(seed)
    gains = rng.uniform(0.001, 1, 5) if seed % 2 else np.full(5, rng.uniform(0.001, 1))
    offsets = rng.normal(0, 10.0 ** rng.integers(-3, 3), 5)
    fit = fit_logits(form(gains.tolist(), offsets.tolist()), RANGE)
    x = np.arange(RANGE.low, RANGE.high + 1)[:, np.newaxis]
    integers = x * fit.multiplier + fit.offset
    assert IntegerRange.of_values(integers).width <= LOGIT_WIDTH
    worst = np.abs(integers * fit.unit - (x * gains + offsets)).max()
    span = np.abs(x * gains + offsets).max()
    assert worst <= fit.error_bound * (1 + 1e-9) + 1e-12 * span
    assert fit.error_bound < span * (2**-23 if seed % 2 == 0 else 2**-12)
