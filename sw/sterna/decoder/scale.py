"""Scales of decoders: a mantissa of 16 bits and an exponent (``docs/numerics.md``, "Decoders").

A `Scale` stands for ``mantissa * 2**exponent``; the mantissa is 0 or in [2**15, 2**16), and zero is
(0, 0). Constants of a network enter as the scale nearest to a real number; scales that arise at run
time are products of such pairs, truncated. This file has the pair and the entry from real numbers;
arithmetic at run time is the business of the golden model and of the hardware, each on its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["EXPONENT_WIDTH", "MANTISSA_WIDTH", "Scale", "nearest_scale"]

MANTISSA_WIDTH = 16
EXPONENT_WIDTH = 12
_LARGEST_EXPONENT = (1 << (EXPONENT_WIDTH - 1)) - 1


@dataclass(frozen=True)
class Scale:
    """``mantissa * 2**exponent``.

    Raises
    ------
    ValueError
        If the mantissa is neither 0 nor in [2**15, 2**16), the exponent beyond 12 signed bits, or
        zero is not written as (0, 0).
    """

    mantissa: int
    exponent: int

    def __post_init__(self) -> None:
        if self.mantissa and not 1 << (MANTISSA_WIDTH - 1) <= self.mantissa < 1 << MANTISSA_WIDTH:
            raise ValueError(f"Mantissa must be 0 or from 2**15 to 2**16 - 1, not {self.mantissa}")
        if abs(self.exponent) > _LARGEST_EXPONENT:
            raise ValueError(f"Exponent must be within {EXPONENT_WIDTH} bits, not {self.exponent}")
        if not self.mantissa and self.exponent:
            raise ValueError(f"Exponent of a zero scale must be 0, not {self.exponent}")

    @property
    def real(self) -> float:
        return math.ldexp(self.mantissa, self.exponent)


def nearest_scale(value: float) -> Scale:
    """The scale nearest to a real number of 0 or more, ties upwards.

    Raises
    ------
    ValueError
        If the number is negative, not finite, or beyond the exponents.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"Scale must be a finite number of 0 or more, not {value!r}")
    if value == 0:
        return Scale(0, 0)
    fraction, exponent = math.frexp(value)
    mantissa = math.floor(math.ldexp(fraction, MANTISSA_WIDTH) + 0.5)
    exponent -= MANTISSA_WIDTH
    if mantissa == 1 << MANTISSA_WIDTH:
        mantissa, exponent = mantissa >> 1, exponent + 1
    return Scale(mantissa, exponent)
