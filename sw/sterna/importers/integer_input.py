"""Integer inputs, such as the pixels of a camera: where a network leaves them as they are.

An input that holds integers needs no edge that rounds: they are codes from the start. What a
network does to them before its first quantiser (division by 255, mean and deviation of a channel)
is a float tail like any other, evaluated at every one of the few values that there are. Most often
nothing is left of it: a quantiser of pixels divided by 255, with the scale 1/255, gives back the
pixels; and pixels that are only multiplied by something before a layer are the same integers, worth
something else. This file tells both cases.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from sterna_hw.base import IntegerRange

from ..source import Cast, Divide, Elementwise, IntegerInput, Multiply, Quantiser
from .tail import Thresholds

__all__ = ["INPUT_TYPES", "integer_input", "offset_of_codes", "plain_scale"]

INPUT_TYPES = {
    "uint8": IntegerRange(0, 255),
    "int8": IntegerRange(-128, 127),
    "uint16": IntegerRange(0, 65535),
    "int16": IntegerRange(-32768, 32767),
}
"""Integer inputs by their names."""


def integer_input(name: str | None) -> IntegerInput | None:
    """What an input type says: the name of one of `INPUT_TYPES`, followed by a divisor where the
    network is given the integers divided by something (``"uint8/255"``); ``None`` for ``None`` and
    ``"float"``, which any real fits.

    Raises
    ------
    ValueError
        If there is no such type.
    """
    if name is None or name == "float":
        return None
    kind, slash, divisor = name.partition("/")
    if kind not in INPUT_TYPES or (slash and not re.fullmatch("[1-9][0-9]*", divisor)):
        known = ", ".join(("float", *INPUT_TYPES))
        raise ValueError(
            f"Input type must be one of {known}, or one divided as in uint8/255, not {name!r}"
        )
    return IntegerInput(INPUT_TYPES[kind], 1 / int(divisor or 1))


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
