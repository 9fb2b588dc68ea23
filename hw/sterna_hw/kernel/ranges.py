"""The proven range of every operation that a kernel may use: interval arithmetic.

One function an operation, named like it, from the ranges of its operands to that of its result.
Traced values and arrays under a kernel both use them: the former for widths, the latter to know
when 64-bit integers no longer suffice.
"""

from __future__ import annotations

from collections.abc import Callable

from ..base import IntegerRange, Rounding
from .errors import KernelError

__all__ = ["RANGES", "bitwise_range", "check_shift", "clip_range", "round_shift_range", "rounded"]

LARGEST_SHIFT = 62


def _subtract(a: IntegerRange, b: IntegerRange) -> IntegerRange:
    return a + -b


def _absolute(a: IntegerRange) -> IntegerRange:
    ends = (abs(a.low), abs(a.high))
    return IntegerRange(0 if a.contains(0) else min(ends), max(ends))


def _minimum(a: IntegerRange, b: IntegerRange) -> IntegerRange:
    return IntegerRange(min(a.low, b.low), min(a.high, b.high))


def _maximum(a: IntegerRange, b: IntegerRange) -> IntegerRange:
    return IntegerRange(max(a.low, b.low), max(a.high, b.high))


def _truth(*_: IntegerRange) -> IntegerRange:
    return IntegerRange(0, 1)


def _select(condition: IntegerRange, a: IntegerRange, b: IntegerRange) -> IntegerRange:
    return a.union(b)


def check_shift(amount: IntegerRange) -> None:
    """A shift by a value needs proof that the value is an amount."""
    if amount.low < 0 or amount.high > LARGEST_SHIFT:
        raise KernelError("Shift", f"within [0, {LARGEST_SHIFT}]", amount)


def _of_corners(
    a: IntegerRange, amount: IntegerRange, shifted: Callable[[int, int], int]
) -> IntegerRange:
    """Of a function that is monotone in both arguments."""
    check_shift(amount)
    ends = [shifted(x, s) for x in (a.low, a.high) for s in (amount.low, amount.high)]
    return IntegerRange(min(ends), max(ends))


def _shift_left(a: IntegerRange, amount: IntegerRange) -> IntegerRange:
    return _of_corners(a, amount, lambda x, s: x << s)


def _shift_right(a: IntegerRange, amount: IntegerRange) -> IntegerRange:
    return _of_corners(a, amount, lambda x, s: x >> s)


def rounded(value: int, shift: int, rounding: Rounding) -> int:
    """``value / 2**shift`` rounded; Python integers of any size."""
    if shift == 0 or rounding is Rounding.FLOOR:
        return value >> shift
    half = 1 << (shift - 1)
    if rounding is Rounding.HALF_UP:
        return (value + half) >> shift
    quotient, rest = divmod(value, 1 << shift)
    return quotient + (rest > half or (rest == half and quotient & 1))


def round_shift_range(a: IntegerRange, amount: IntegerRange, rounding: Rounding) -> IntegerRange:
    return _of_corners(a, amount, lambda x, s: rounded(x, s, rounding))


def clip_range(a: IntegerRange, limits: IntegerRange) -> IntegerRange:
    low, high = (min(max(end, limits.low), limits.high) for end in (a.low, a.high))
    return IntegerRange(low, high)


def _bit_length(a: IntegerRange) -> IntegerRange:
    if a.low < 0:
        raise KernelError("Argument of bit_length", "0 or more", a)
    return IntegerRange(a.low.bit_length(), a.high.bit_length())


def bitwise_range(operation: str, a: IntegerRange, b: IntegerRange) -> IntegerRange:
    """Whatever two's complement numbers of the common width can hold, or less where easy."""
    if operation == "and" and (not a.signed or not b.signed):
        return IntegerRange(0, min(one.high for one in (a, b) if not one.signed))
    width = max(a.width + (not a.signed), b.width + (not b.signed))
    if not a.signed and not b.signed:
        return IntegerRange(0, (1 << max(a.width, b.width)) - 1)
    return IntegerRange.of_width(width, True)


RANGES: dict[str, Callable[..., IntegerRange]] = {
    "add": lambda a, b: a + b,
    "subtract": _subtract,
    "multiply": lambda a, b: a * b,
    "absolute": _absolute,
    "minimum": _minimum,
    "maximum": _maximum,
    "less": _truth,
    "equal": _truth,
    "select": _select,
    "shift_left": _shift_left,
    "shift_right": _shift_right,
    "bit_length": _bit_length,
    "and": lambda a, b: bitwise_range("and", a, b),
    "or": lambda a, b: bitwise_range("or", a, b),
    "xor": lambda a, b: bitwise_range("xor", a, b),
}
