"""Element-wise float operations, each rounding exactly as the network itself rounds.
 A constant is a scalar or one value for each element of the last axis. Every operation here is
monotone in its input, rising or falling by channel, also after rounding (IEEE 754 rounding is
monotone): so thresholds of a chain of them exist, and bisection finds them. An operation that is
not monotone has no place in this file; see `functions`.

`MultiplyAdd` rounds once, as torch's batch norm does on every CPU with a fused multiply-add.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .operation import Operation, Shape, frozen_array

__all__ = ["Add", "Cast", "Clip", "Divide", "Elementwise", "Multiply", "MultiplyAdd", "Relu"]


@dataclass(frozen=True, eq=False)
class Elementwise(Operation):
    """Base of operations that work on each element by itself."""

    def constants(self) -> tuple[np.ndarray, ...]:
        """The operation's constants, to be checked by readers."""
        return ()

    @property
    def is_monotone(self) -> bool:
        """Whether each channel only rises or only falls."""
        return True

    def shape(self, x: Shape | None) -> Shape | None:
        for constant in self.constants():
            if x is not None and constant.ndim and (not x or constant.shape != x[-1:]):
                raise ValueError(
                    f"Constant must be a scalar or have one value for each of the last axis of "
                    f"{x}, not shape {constant.shape}"
                )
        return x


@dataclass(frozen=True, eq=False)
class _WithConstant(Elementwise):
    constant: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "constant", frozen_array(self.constant))

    def constants(self) -> tuple[np.ndarray, ...]:
        return (self.constant,)


@dataclass(frozen=True, eq=False)
class Multiply(_WithConstant):
    """``x * constant``."""

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return x * self.constant


@dataclass(frozen=True, eq=False)
class Divide(_WithConstant):
    """``x / constant``."""

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return x / self.constant


@dataclass(frozen=True, eq=False)
class Add(_WithConstant):
    """``x + constant``."""

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return x + self.constant


@dataclass(frozen=True, eq=False)
class MultiplyAdd(Elementwise):
    """``x * gain + addend``, rounded once in float32 (twice in float64, where it hardly shows)."""

    gain: np.ndarray
    addend: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", frozen_array(self.gain))
        object.__setattr__(self, "addend", frozen_array(self.addend))

    def constants(self) -> tuple[np.ndarray, ...]:
        return (self.gain, self.addend)

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return fused_multiply_add(x, self.gain, self.addend)


@dataclass(frozen=True, eq=False)
class Relu(Elementwise):
    """``max(x, 0)``."""

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, x.dtype.type(0))


@dataclass(frozen=True, eq=False)
class Clip(Elementwise):
    """``min(max(x, low), high)`` with scalar bounds."""

    low: float
    high: float

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return np.minimum(np.maximum(x, x.dtype.type(self.low)), x.dtype.type(self.high))


@dataclass(frozen=True, eq=False)
class Cast(Elementwise):
    """Conversion to another float type, ``"float32"`` or ``"float64"``."""

    number_type: str

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return x.astype(self.number_type)


def fused_multiply_add(x: np.ndarray, gain: np.ndarray, addend: np.ndarray) -> np.ndarray:
    """``x * gain + addend`` of float32 arrays with one rounding.

    The product is exact in float64. The sum is rounded to odd there, which loses nothing that the
    final rounding to float32 needs (53 >= 2 * 24 + 2 bits). Other types round twice.
    """
    if x.dtype != np.float32:
        return x * gain + addend
    product = x.astype(np.float64) * gain.astype(np.float64)
    wide = np.broadcast_to(addend.astype(np.float64), product.shape)
    total = product + wide
    back = total - product
    error = (product - (total - back)) + (wide - back)
    even = (total.view(np.int64) & 1) == 0
    odd_neighbour = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where((error != 0) & even, odd_neighbour, total).astype(np.float32)
