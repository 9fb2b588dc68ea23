"""The proven range of an integer value, from which every width in the project follows.

A value is described by the smallest and the largest integer that it can take. Width and sign are
never chosen by hand: they follow from the range (unsigned when nothing is negative, otherwise two's
complement). Arithmetic on ranges is interval arithmetic on exact integers, so a range that went
through the same operations as a value always contains that value. A range says nothing about the
values in between: {-1, 1} and {-1, 0, 1} have the same range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["IntegerRange"]


@dataclass(frozen=True, order=True)
class IntegerRange:
    """All integers from ``low`` to ``high``, both included.

    Raises
    ------
    ValueError
        If ``low`` is greater than ``high``.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", int(self.low))
        object.__setattr__(self, "high", int(self.high))
        if self.low > self.high:
            raise ValueError(f"Low end of a range must be at most {self.high}, not {self.low}")

    @classmethod
    def of_width(cls, width: int, signed: bool) -> IntegerRange:
        """The whole range of a two's complement (or unsigned) number of ``width`` bits."""
        if width < 1:
            raise ValueError(f"Width must be at least 1, not {width!r}")
        if signed:
            return cls(-(1 << (width - 1)), (1 << (width - 1)) - 1)
        return cls(0, (1 << width) - 1)

    @classmethod
    def of_values(cls, values: np.ndarray) -> IntegerRange:
        """The tightest range that holds every element of a non-empty integer array."""
        return cls(int(np.min(values)), int(np.max(values)))

    @classmethod
    def of_sums(cls, weights: np.ndarray, inputs: IntegerRange) -> IntegerRange:
        """The range of ``weights @ x`` over every x of a range and of all partial sums.

        ``weights`` has shape ``[outputs, inputs]``. Zero, which padding inserts, is an input too.
        """
        weights = np.asarray(weights, dtype=np.int64)
        inputs = inputs.with_zero()
        positive = np.maximum(weights, 0).sum(axis=1)
        negative = np.minimum(weights, 0).sum(axis=1)
        low = positive * inputs.low + negative * inputs.high
        high = positive * inputs.high + negative * inputs.low
        return cls(int(low.min()), int(high.max()))

    @property
    def signed(self) -> bool:
        return self.low < 0

    @property
    def width(self) -> int:
        """Bits of the smallest number that holds the range; at least one."""
        if not self.signed:
            return max(1, self.high.bit_length())
        return 1 + max((-self.low - 1).bit_length(), self.high.bit_length() if self.high > 0 else 0)

    def contains(self, values: IntegerRange | int | np.ndarray) -> bool:
        """Whether every value (or the whole other range) lies in this range."""
        if isinstance(values, IntegerRange):
            return self.low <= values.low and values.high <= self.high
        array = np.asarray(values)
        return array.size == 0 or bool(np.min(array) >= self.low and np.max(array) <= self.high)

    def union(self, other: IntegerRange) -> IntegerRange:
        return IntegerRange(min(self.low, other.low), max(self.high, other.high))

    def with_zero(self) -> IntegerRange:
        """The range extended to zero, which padding inserts."""
        return self.union(IntegerRange(0, 0))

    def __add__(self, other: IntegerRange) -> IntegerRange:
        return IntegerRange(self.low + other.low, self.high + other.high)

    def __neg__(self) -> IntegerRange:
        return IntegerRange(-self.high, -self.low)

    def __mul__(self, other: IntegerRange | int) -> IntegerRange:
        if isinstance(other, int):
            other = IntegerRange(other, other)
        products = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return IntegerRange(min(products), max(products))

    def __str__(self) -> str:
        return f"[{self.low}, {self.high}]"
