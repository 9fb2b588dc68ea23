"""Activation functions that are more than a clip: leaky ReLU, sigmoid, tanh, and so on.

A leaky ReLU is one multiplication in the network's number type, as frameworks do it. Functions with
exponentials differ in their last bit from one library to the next; here they are computed in double
precision and rounded once. Some of them are not monotone, which says `Elementwise.is_monotone`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .elementwise import Elementwise
from .operation import frozen_array

__all__ = ["FUNCTIONS", "Function", "LeakyRelu"]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * np.vectorize(math.erfc)(-x / math.sqrt(2)) / 2


FUNCTIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {
    "sigmoid": (_sigmoid, True),
    "tanh": (np.tanh, True),
    "softplus": (lambda x: np.logaddexp(0, x), True),
    "silu": (lambda x: x * _sigmoid(x), False),
    "gelu": (_gelu, False),
    "hardswish": (lambda x: x * np.clip(x + 3, 0, 6) / 6, False),
}
"""Functions of float64 by name, and whether they rise only."""


@dataclass(frozen=True, eq=False)
class Function(Elementwise):
    """One of `FUNCTIONS`, by its name."""

    name: str

    @property
    def is_monotone(self) -> bool:
        return FUNCTIONS[self.name][1]

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", under="ignore"):
            return FUNCTIONS[self.name][0](x.astype(np.float64)).astype(x.dtype)


@dataclass(frozen=True, eq=False)
class LeakyRelu(Elementwise):
    """``x`` where it is not negative, otherwise ``x * slope``; one slope, or one a channel."""

    slope: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "slope", frozen_array(self.slope))

    def constants(self) -> tuple[np.ndarray, ...]:
        return (self.slope,)

    @property
    def is_monotone(self) -> bool:
        return bool((self.slope >= 0).all())

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= 0, x, x * self.slope)
