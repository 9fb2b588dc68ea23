"""Dyadic requantisation: multiplier, offset and shift in place of very many thresholds.
 For quantisers with more levels than thresholds are worth, the tail's affine form divided by the
quantiser's scale gives the ratio ``y = gain * x + offset`` that a fixed-point multiplier imitates.
The imitation is exact only if it is seen to be: it is compared with the tail at every accumulator
value and channel, and the share of equal codes is returned with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sterna_hw.base import IntegerRange, Rounding

from ...source import IntegerQuantiser
from .affine import affine_form
from .tail import ENUMERATION_LIMIT, FloatTail

__all__ = ["DyadicFit", "fit_requantise"]

_ROUNDINGS = {
    "ROUND": Rounding.HALF_EVEN,
    "HALF_EVEN": Rounding.HALF_EVEN,
    "FLOOR": Rounding.FLOOR,
}
_MULTIPLIER_WIDTHS = (12, 16, 20, 24, 28, 32)
_PRODUCT_WIDTH = 61
_CHUNK = 1 << 18
_SAMPLES = 1 << 12


@dataclass(frozen=True, eq=False)
class DyadicFit:
    """The fields of a ``Requantize`` operation and how well it fits.

    ``agreement`` is the share of (accumulator, channel) pairs with equal codes, over all of them if
    ``enumerated``, otherwise over evenly spread samples.
    """

    multiplier: np.ndarray
    offset: np.ndarray
    shift: int
    rounding: Rounding
    clip: IntegerRange
    agreement: float
    enumerated: bool

    @property
    def exact(self) -> bool:
        return self.enumerated and self.agreement == 1.0


def fit_requantise(tail: FloatTail, quantiser: IntegerQuantiser, values: IntegerRange) -> DyadicFit:
    """The best dyadic form of a tail and its quantiser: the shortest exact one if there is one.

    Raises
    ------
    ValueError
        If the rounding has no dyadic form, or bounds differ between channels.
    """
    if quantiser.rounding not in _ROUNDINGS:
        raise ValueError(f"rounding must be ROUND or FLOOR, not {quantiser.rounding}")
    if quantiser.scale.ndim:
        raise ValueError("activation scale must be one for the tensor")
    clip = _clip(tail, quantiser)
    form = affine_form(tail)
    scale = Fraction(float(quantiser.scale))
    gains = [gain / scale for gain in form.gain]
    offsets = [offset / scale for offset in form.offset]
    best: DyadicFit | None = None
    for width in _MULTIPLIER_WIDTHS:
        fit = _fit(tail, quantiser, values, gains, offsets, clip, width)
        if fit is not None and (best is None or fit.agreement > best.agreement):
            best = fit
        if best is not None and best.exact:
            break
    if best is None:
        raise ValueError("products must fit in 62 bits")
    return best


def _clip(tail: FloatTail, quantiser: IntegerQuantiser) -> IntegerRange:
    """Code bounds of every channel: the quantiser's, narrowed by ReLU and clips of the tail."""
    form = affine_form(tail)
    ends = []
    for bounds, default in ((form.low, quantiser.low), (form.high, quantiser.high)):
        real = np.array([np.nan if bound is None else float(bound) for bound in bounds])
        codes = quantiser.codes(np.nan_to_num(real).astype(tail.number_type))
        ends.append(np.where(np.isnan(real), default, codes))
    low, high = ends
    if (low != low[0]).any() or (high != high[0]).any():
        raise ValueError("bounds of ReLU and clips must be the same for all channels")
    return IntegerRange(int(low[0]), int(high[0]))


def _fit(
    tail: FloatTail,
    quantiser: IntegerQuantiser,
    values: IntegerRange,
    gains: list[Fraction],
    offsets: list[Fraction],
    clip: IntegerRange,
    width: int,
) -> DyadicFit | None:
    largest = max(abs(gain) for gain in gains) or Fraction(1)
    exponent = largest.numerator.bit_length() - largest.denominator.bit_length()
    shift = max(0, min(62, width - exponent))
    multiplier = [round(gain * (1 << shift)) for gain in gains]
    offset = [round(addend * (1 << shift)) for addend in offsets]
    reach = max(abs(values.low), abs(values.high))
    if any(
        (reach * abs(m) + abs(b)).bit_length() > _PRODUCT_WIDTH for m, b in zip(multiplier, offset)
    ):
        return None
    rounding = _ROUNDINGS[quantiser.rounding]
    m, b = np.array(multiplier, dtype=np.int64), np.array(offset, dtype=np.int64)
    count = values.high - values.low + 1
    enumerated = count * tail.channels <= ENUMERATION_LIMIT
    stride = 1 if enumerated else max(1, count // _SAMPLES)
    equal = total = 0
    rows = max(1, _CHUNK // tail.channels) * stride
    for start in range(values.low, values.high + 1, rows):
        stop = min(start + rows, values.high + 1)
        x = np.arange(start, stop, stride, dtype=np.int64)[:, np.newaxis]
        mine = np.clip(rounding.shift_right(x * m + b, shift), clip.low, clip.high)
        same = mine == quantiser.codes(tail.real(x))
        equal += int(same.sum())
        total += same.size
    return DyadicFit(m, b, shift, rounding, clip, equal / total, enumerated)
