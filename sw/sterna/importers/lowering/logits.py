"""Wide fixed-point logits: how a last layer without a quantiser ends.
 The real logits are ``gain[c] * accumulator + offset[c]``. All channels get one common unit, so
that labels can be decided by comparing integers: the largest gain divided by a power of two.
Multipliers and offsets are the ratios to it. The fewest fractional bits that make every ratio an
integer are taken. Where that would need logits of more than 32 bits, the ratios are rounded to the
nearest (with gains that are whole already, to logits of 24 bits), and the bound of the error is
stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sterna_hw.base import IntegerRange

from .affine import AffineForm

__all__ = ["LOGIT_WIDTH", "FixedLogits", "fit_logits"]

LOGIT_WIDTH = 32
"""Bits that logits may have before their ratios are rounded."""

ROUNDED_OFFSET_WIDTH = 24
"""Bits of logits whose offsets alone are rounded: as fine as the network's own float32."""

_LEAST_RATIO_WIDTH = 12  # kept even where accumulators alone fill the logits


@dataclass(frozen=True, eq=False)
class FixedLogits:
    """``logit = multiplier * x + offset``, worth ``unit`` each.

    ``error_bound`` is the largest distance from the real logit over all x of the range; 0 is exact.
    """

    multiplier: np.ndarray
    offset: np.ndarray
    unit: float
    error_bound: float


def fit_logits(form: AffineForm, values: IntegerRange) -> FixedLogits:
    """The fixed-point logits of an unbounded affine form over a range of accumulators."""
    base = max(abs(gain) for gain in form.gain) or Fraction(1)
    bits = _fraction_bits(form, base, values)
    multiplier, offset = _round(form, base, bits)
    unit = base / _power(bits)
    reach = max(abs(values.low), abs(values.high))
    error = max(
        reach * abs(gain - m * unit) + abs(addend - b * unit)
        for gain, addend, m, b in zip(form.gain, form.offset, multiplier, offset)
    )
    return FixedLogits(
        np.array(multiplier, dtype=np.int64),
        np.array(offset, dtype=np.int64),
        float(unit),
        float(error),
    )


def _fraction_bits(form: AffineForm, base: Fraction, values: IntegerRange) -> int:
    """The fewest bits that are exact, else as many as the width allows."""
    gains = [gain / base for gain in form.gain]
    ratios = [*gains, *(offset / base for offset in form.offset)]
    # The coarsest unit that leaves any ratio above one half: everything before it rounds to zero.
    bits = rounded = -max((_exponent(ratio) for ratio in ratios if ratio), default=0)
    settled = False
    while not _whole(ratios, bits):
        bits += 1
        width = _width(*_round(form, base, bits), values)
        if bits > _LEAST_RATIO_WIDTH and width > LOGIT_WIDTH:
            return rounded
        if not (settled and width > ROUNDED_OFFSET_WIDTH):
            rounded = bits
        settled = settled or _whole(gains, bits)
    return bits


def _whole(ratios: list[Fraction], bits: int) -> bool:
    return all((ratio * _power(bits)).denominator == 1 for ratio in ratios)


def _power(bits: int) -> Fraction:
    return Fraction(2) ** bits


def _exponent(ratio: Fraction) -> int:
    """The e with ``2**(e-1) <= |ratio| < 2**(e+1)``."""
    return abs(ratio.numerator).bit_length() - ratio.denominator.bit_length()


def _round(form: AffineForm, base: Fraction, bits: int) -> tuple[list[int], list[int]]:
    scale = _power(bits) / base
    return [round(gain * scale) for gain in form.gain], [round(b * scale) for b in form.offset]


def _width(multiplier: list[int], offset: list[int], values: IntegerRange) -> int:
    ranges = [values * m + IntegerRange(b, b) for m, b in zip(multiplier, offset)]
    return IntegerRange(min(r.low for r in ranges), max(r.high for r in ranges)).width
