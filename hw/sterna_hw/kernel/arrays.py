"""Arrays under a kernel: exact, whatever the size of their numbers.

An array knows a range that its elements lie in, at first that of its data, then what interval
arithmetic makes of it. Where the range of a result needs more than 62 bits, it is computed in
Python integers instead of 64-bit ones, so nothing ever wraps round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..base import IntegerRange
from .errors import KernelError
from .ranges import RANGES
from .values import Number, is_integer

__all__ = ["Array"]

SAFE_WIDTH = 62
"""Results of at most so many bits are computed in 64-bit integers."""


class Array(Number):
    """Integers in a numpy array, and a range that they lie in."""

    def __init__(self, values: np.ndarray, proven: IntegerRange) -> None:
        self.values = values
        self.range = proven

    @classmethod
    def of(cls, values: Any) -> Array:
        """From any array of integers; floats are refused."""
        array = np.asarray(values)
        if array.dtype == object and all(is_integer(value) for value in array.ravel().tolist()):
            pass
        elif array.dtype.kind not in "iub":
            raise KernelError("Arguments of a kernel", "integers", f"of type {array.dtype}")
        if not array.size:
            return cls(array.astype(np.int64), IntegerRange(0, 0))
        proven = IntegerRange.of_values(array)
        return cls(array.astype(np.int64 if proven.width <= SAFE_WIDTH else object), proven)

    def constant(self, value: int) -> Array:
        kind = np.int64 if IntegerRange(value, value).width <= SAFE_WIDTH else object
        return Array(np.asarray(value, dtype=kind), IntegerRange(value, value))

    def apply(self, operation: str, *operands: Number) -> Array:
        proven = RANGES[operation](*(operand.range for operand in operands))
        arrays = [operand.values for operand in operands if isinstance(operand, Array)]
        return self.computed(_NUMPY[operation], proven, *arrays)

    @staticmethod
    def computed(
        function: Callable[..., np.ndarray], proven: IntegerRange, *arrays: np.ndarray
    ) -> Array:
        """What a numpy function makes of arrays, in Python integers if the result is wide."""
        if proven.width > SAFE_WIDTH:
            arrays = tuple(array.astype(object) for array in arrays)
        result = np.asarray(function(*arrays))
        kind = np.int64 if proven.width <= SAFE_WIDTH else object
        return Array(result.astype(kind), proven)


def _bit_lengths(values: np.ndarray) -> np.ndarray:
    lengths = np.zeros(values.shape, dtype=np.int64)
    for place in range(64 if values.dtype == np.int64 else 1024):
        above = values >> place if place < 63 or values.dtype == object else values * 0
        if not np.any(above):
            break
        lengths += above != 0
    return lengths


_NUMPY: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "absolute": np.absolute,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "less": np.less,
    "equal": np.equal,
    "select": lambda condition, a, b: np.where(condition != 0, a, b),
    "shift_left": np.left_shift,
    "shift_right": np.right_shift,
    "bit_length": _bit_lengths,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
