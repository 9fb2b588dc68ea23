"""The functions that kernels call beside operators; each works on integers, arrays, traced values.

On plain Python integers every function is its own short definition, without any of the machinery:
that is what the hardware is tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import IntegerRange, Rounding
from . import expand, simplify
from .arrays import Array
from .errors import KernelError
from .graph import Node
from .ranges import LARGEST_SHIFT, check_shift, clip_range, round_shift_range, rounded
from .values import Number, Traced, is_integer

__all__ = [
    "as_table", "bit_length", "clip", "leading_zeros", "maximum", "minimum", "round_shift",
    "select", "table", "wrap",
]  # fmt: skip

LARGEST_TABLE = 1 << 16


def _lifted(function: str, *values: Any) -> list[Number] | None:
    """All arguments as numbers of the kind that one of them has; None if all are integers."""
    kinds = [value for value in values if isinstance(value, Number)]
    if not kinds:
        for value in values:
            if not is_integer(value):
                raise KernelError(f"Argument of {function}", "an integer", repr(value))
        return None
    return [kinds[0].lift(value, function) for value in values]


def select(condition: Any, a: Any, b: Any) -> Any:
    """``a`` where ``condition`` is not zero, otherwise ``b``."""
    numbers = _lifted("select", condition, a, b)
    if numbers is None:
        return a if condition else b
    test, *choices = numbers
    if not IntegerRange(0, 1).contains(test.range):
        test = test != 0
    return test.apply("select", test, *choices)


def minimum(a: Any, b: Any) -> Any:
    """The smaller one."""
    numbers = _lifted("minimum", a, b)
    return min(a, b) if numbers is None else numbers[0].apply("minimum", *numbers)


def maximum(a: Any, b: Any) -> Any:
    """The larger one."""
    numbers = _lifted("maximum", a, b)
    return max(a, b) if numbers is None else numbers[0].apply("maximum", *numbers)


def clip(value: Any, low: int, high: int) -> Any:
    """``value``, but at least ``low`` and at most ``high``, which are constants.

    Raises
    ------
    ValueError
        If a limit is no integer or they are in the wrong order.
    """
    for limit in (low, high):
        if not is_integer(limit):
            raise KernelError("Limit of clip", "a constant integer", repr(limit))
    if low > high:
        raise KernelError("Low limit of clip", f"at most {high}", low)
    numbers = _lifted("clip", value)
    if numbers is None:
        return min(max(value, low), high)
    (number,), limits = numbers, IntegerRange(low, high)
    if isinstance(number, Traced):
        return Traced(expand.clip(number.node, limits))
    assert isinstance(number, Array)
    proven = clip_range(number.range, limits)
    # The numbers themselves may be wide where the limits are narrow, and the other way round.
    values = (
        np.minimum(np.maximum(number.values.astype(object), low), high)
        if (limits.width > LARGEST_SHIFT)
        else np.clip(number.values, low, high)
    )
    return Array.computed(lambda clipped: clipped, proven, values)


def round_shift(value: Any, shift: Any, rounding: Rounding) -> Any:
    """``value / 2**shift`` rounded as named; ``shift`` is a constant or a value in [0, 62]."""
    if not isinstance(rounding, Rounding):
        raise KernelError("Rounding", "a Rounding", repr(rounding))
    numbers = _lifted("round_shift", value, shift)
    if numbers is None:
        check_shift(IntegerRange(shift, shift))
        return rounded(int(value), int(shift), rounding)
    number, amount = numbers
    proven = round_shift_range(number.range, amount.range, rounding)
    if isinstance(number, Traced) and isinstance(amount, Traced):
        return Traced(expand.round_shift(number.node, amount.node, rounding))
    assert isinstance(number, Array) and isinstance(amount, Array)
    arrays = number.values, amount.values
    if number.range.width > LARGEST_SHIFT - 2:  # room for half a unit
        arrays = number.values.astype(object), amount.values
    return Array.computed(lambda x, s: _round_array(x, s, rounding), proven, *arrays)


def _round_array(values: np.ndarray, shift: np.ndarray, rounding: Rounding) -> np.ndarray:
    if rounding is Rounding.FLOOR:
        return values >> shift
    twice = (values >> np.maximum(shift - 1, 0)) << (shift == 0)
    nearest = (twice + 1) >> 1
    if rounding is Rounding.HALF_UP:
        return nearest
    is_tie = ((twice & 1) == 1) & (
        (values & ((np.ones_like(values) << shift) - 1)) << 1 == np.ones_like(values) << shift
    )
    return nearest - (is_tie & (nearest & 1))


def wrap(value: Any, width: int) -> Any:
    """The low ``width`` bits as a two's complement number; ``width`` is a constant, 1 to 62."""
    if not is_integer(width) or not 1 <= width <= LARGEST_SHIFT:
        raise KernelError("Width of wrap", f"a constant from 1 to {LARGEST_SHIFT}", repr(width))
    numbers = _lifted("wrap", value)
    proven = IntegerRange.of_width(width, True)
    if numbers is None:
        return (int(value) - proven.low) % (1 << width) + proven.low
    (number,) = numbers
    if isinstance(number, Traced):
        return Traced(simplify.signed_bits(number.node, width))
    assert isinstance(number, Array)
    sign = proven.high + 1
    return Array.computed(lambda x: ((x & (2 * sign - 1)) ^ sign) - sign, proven, number.values)


def bit_length(value: Any) -> Any:
    """Bits of a number that is 0 or more: 0 for 0, otherwise the place of the highest one, + 1."""
    numbers = _lifted("bit_length", value)
    if numbers is None:
        if value < 0:
            raise KernelError("Argument of bit_length", "0 or more", value)
        return int(value).bit_length()
    return numbers[0].apply("bit_length", *numbers)


def leading_zeros(value: Any, width: int) -> Any:
    """Zeros in front of a number of ``width`` bits."""
    return width - bit_length(value)


def table(values: Sequence[int] | Callable[[int], int], index: Any) -> Any:
    """``values[index]``, or ``values(index)`` of a Python function that is evaluated beforehand.

    Raises
    ------
    ValueError
        If the index may lie outside the sequence, or its range has more than 65536 numbers.
    """
    numbers = _lifted("table", index)
    if numbers is None:
        found = values(int(index)) if callable(values) else _element(values, int(index))
        return _entry(found)
    (number,) = numbers
    if isinstance(number, Traced):
        return Traced(_table_node(values, number.node))
    assert isinstance(number, Array)
    used, places = np.unique(number.values, return_inverse=True)
    entries = [table(values, int(value)) for value in used.tolist()]
    proven = IntegerRange(min(entries, default=0), max(entries, default=0))
    found = np.array(entries, dtype=object)[places.reshape(number.values.shape)]
    return Array.computed(lambda array: array, proven, np.asarray(found))


def as_table(function: Callable[[int], int]) -> Callable[[Any], Any]:
    """Makes a Python function of one integer an operation: a table over the proven range."""
    return lambda index: table(function, index)


def _element(values: Sequence[int], index: int) -> Any:
    if not 0 <= index < len(values):
        raise KernelError("Index of the table", f"within [0, {len(values) - 1}]", index)
    return values[index]


def _entry(value: Any) -> int:
    if not is_integer(value):
        raise KernelError("Entry of the table", "an integer", repr(value))
    return int(value)


def _table_node(values: Sequence[int] | Callable[[int], int], index: Node) -> Node:
    proven = index.range
    if not callable(values) and not IntegerRange(0, len(values) - 1).contains(proven):
        raise KernelError("Index of the table", f"within [0, {len(values) - 1}]", proven)
    if proven.high - proven.low >= LARGEST_TABLE or index.width > 16:
        raise KernelError("Index of the table", f"of at most {LARGEST_TABLE} numbers", proven)
    if index.is_constant:
        return index.graph.constant(table(values, index.detail))
    entries = {value: table(values, value) for value in range(proven.low, proven.high + 1)}
    return table_of_entries(entries, index)


def table_of_entries(entries: dict[int, int], index: Node) -> Node:
    """A table node; ``entries`` has one for each number that the index can be.

    Rows are addressed by the index's bits as they are; rows that are never read repeat another.
    """
    size = 1 << index.width
    low = min(entries)
    rows = tuple(entries.get(row, entries.get(row - size, entries[low])) for row in range(size))
    result = IntegerRange(min(rows), max(rows))
    if all(entries[value] == value for value in entries):
        return index
    if len(entries) == 2 and set(entries) == {0, 1}:
        graph = index.graph
        return simplify.select(index, graph.constant(entries[1]), graph.constant(entries[0]))
    return index.graph.node("table", (index,), result, rows)
