"""Rounding modes for dropping low bits, each exact on integers of any size up to 62 bits.

A right shift by ``shift`` bits divides by ``2**shift``; the mode says which integer is taken when
the quotient is not whole. Every use names its mode, and none of them touches a float.
"""

from __future__ import annotations

import enum

import numpy as np

__all__ = ["Rounding"]


class Rounding(enum.Enum):
    """How a right shift rounds.

    ``FLOOR``
        Towards minus infinity: the bits are dropped.
    ``HALF_UP``
        To the nearest, ties towards plus infinity: half is added, then floor.
    ``HALF_EVEN``
        To the nearest, ties to the even neighbour (IEEE 754, numpy, torch, QONNX ROUND).
    """

    FLOOR = "floor"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"

    def shift_right(self, values: np.ndarray, shift: int) -> np.ndarray:
        """``values / 2**shift`` rounded, as int64; ``shift`` is 0 or more."""
        if shift < 0:
            raise ValueError(f"Shift must be 0 or more, not {shift!r}")
        values = np.asarray(values, dtype=np.int64)
        if shift == 0:
            return values.copy()
        if self is Rounding.FLOOR:
            return values >> shift
        half = np.int64(1 << (shift - 1))
        if self is Rounding.HALF_UP:
            return (values + half) >> shift
        # A tie goes up only from an odd quotient: half minus one, plus that quotient's low bit.
        return (values + half - 1 + ((values >> shift) & 1)) >> shift
