"""Quantisers: where real values become integer codes.
 The integer quantiser is QONNX's and Brevitas': divide by the scale, add the zero point, clamp,
round, take the zero point off again, multiply by the scale, each step in the network's number type.
Clamping to integers and rounding commute, so that the order in which frameworks do them does not
matter. The bipolar quantiser gives 1 for anything not negative, otherwise -1.

A *code* here has the zero point taken off, so that its real value is always ``code * scale``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .operation import Operation, Shape, frozen_array

__all__ = ["ROUNDING_MODES", "BipolarQuantiser", "IntegerQuantiser", "Quantiser"]


def _half_away_from_zero(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.floor(np.abs(x) + x.dtype.type(0.5))


def _half_towards_zero(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.ceil(np.abs(x) - x.dtype.type(0.5))


def _away_from_zero(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.ceil(np.abs(x))


def _negative_half_up(x: np.ndarray) -> np.ndarray:
    return np.where((x < 0) & (x - np.floor(x) == 0.5), np.ceil(x), np.rint(x))


ROUNDING_MODES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "UP": _away_from_zero,
    "HALF_UP": _half_away_from_zero,
    "HALF_DOWN": _half_towards_zero,
    "DPU": _negative_half_up,
}
"""Rounding of floats by name, as QONNX and Brevitas name them and compute them."""


@dataclass(frozen=True, eq=False)
class Quantiser(Operation):
    """Base of quantisers: codes run from ``low`` to ``high`` in steps of ``step``.

    Parameters
    ----------
    scale : float array ``[]`` or ``[channels]``
        What a code of 1 is worth, above zero, in the network's number type.
    """

    scale: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", frozen_array(self.scale))

    @property
    def low(self) -> int:
        raise NotImplementedError

    @property
    def high(self) -> int:
        raise NotImplementedError

    @property
    def step(self) -> int:
        return 1

    @property
    def level_count(self) -> int:
        """Number of thresholds that tell the codes apart."""
        return (self.high - self.low) // self.step

    def shape(self, x: Shape | None) -> Shape | None:
        if x is not None and self.scale.ndim and self.scale.shape != x[-1:]:
            raise ValueError(f"Scales must be one or {x[-1:]}, not shape {self.scale.shape}")
        return x

    def codes(self, x: np.ndarray) -> np.ndarray:
        """Integer codes (int64) of floats; each channel is monotone in its input."""
        raise NotImplementedError

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return self.codes(x).astype(self.scale.dtype) * self.scale


@dataclass(frozen=True, eq=False)
class IntegerQuantiser(Quantiser):
    """A uniform quantiser of ``bits`` bits.

    Parameters
    ----------
    zero_point : :class:`int`
        Added before rounding, taken off after it.
    bits : :class:`int`
        Width; 1 bit is {0, 1} (unsigned).
    signed, narrow : :class:`bool`
        Whether the range is two's complement, and whether its lowest (signed) or highest (unsigned)
        value is left out.
    rounding : :class:`str`
        A key of `ROUNDING_MODES`.
    """

    zero_point: int = 0
    bits: int = 8
    signed: bool = True
    narrow: bool = False
    rounding: str = "ROUND"

    @property
    def lowest(self) -> int:
        """Smallest integer before the zero point is taken off."""
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def highest(self) -> int:
        """Largest integer before the zero point is taken off."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1 - self.narrow

    @property
    def low(self) -> int:
        return self.lowest - self.zero_point

    @property
    def high(self) -> int:
        return self.highest - self.zero_point

    def codes(self, x: np.ndarray) -> np.ndarray:
        number = self.scale.dtype.type
        y = x.astype(self.scale.dtype) / self.scale + number(self.zero_point)
        y = np.clip(y, number(self.lowest), number(self.highest))
        return ROUNDING_MODES[self.rounding](y).astype(np.int64) - self.zero_point


@dataclass(frozen=True, eq=False)
class BipolarQuantiser(Quantiser):
    """1 for values that are not negative, otherwise -1, times the scale."""

    @property
    def low(self) -> int:
        return -1

    @property
    def high(self) -> int:
        return 1

    @property
    def step(self) -> int:
        return 2

    def codes(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= 0, 1, -1).astype(np.int64)
