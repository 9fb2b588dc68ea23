"""Where the float operations on integers leave them as they are.

What a network does to an integer input before its first quantiser (division by 255, mean and
deviation of a channel) is a float tail like any other, evaluated at every one of the few values
that there are. Most often nothing is left of it: a quantiser of pixels divided by 255, with the
scale 1/255, gives back the pixels; and pixels that are only multiplied by something before a layer
are the same integers, worth something else. This file tells both cases.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sterna_hw.base import IntegerRange

from ...source import Cast, Divide, Elementwise, Multiply, Quantiser
from .tail import Thresholds

__all__ = ["offset_of_codes", "plain_scale"]


def offset_of_codes(found: Thresholds, quantiser: Quantiser, values: IntegerRange) -> int | None:
    """The number d for which a quantiser gives ``x - d`` for every x of a range, on all channels;
    ``None`` if there is none."""
    size = values.high - values.low + 1
    if quantiser.step != 1 or found.descending.any() or found.table.shape[1] < size - 1:
        return None
    places = np.arange(values.low, values.high + 1)
    offset = values.low - quantiser.low - int((found.table[0] <= values.low).sum())
    for row in found.table:
        codes = quantiser.low + np.searchsorted(row, places, side="right")
        if (places - codes != offset).any():
            return None
    return offset


def plain_scale(steps: Sequence[Elementwise]) -> float | None:
    """What a chain of steps multiplies by, if it does nothing else; above zero, or ``None``."""
    factor = 1.0
    for step in steps:
        if isinstance(step, Cast):
            continue
        if not isinstance(step, Multiply | Divide) or step.constant.ndim:
            return None
        value = float(step.constant)
        factor = factor * value if isinstance(step, Multiply) else factor / value
    return factor if factor > 0 and np.isfinite(factor) else None
