"""Seeded choices that configurations are drawn with.

A configuration of the grid is drawn by a generator whose seed is the kind of part and a number, so
the same name gives the same configuration for ever, and more of a kind can be drawn later without
changing the first ones. Sizes are drawn so that small ones are as likely as large ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from sterna_hw.base import Cost, Device, IntegerRange

__all__ = ["Draw", "Part"]

T = TypeVar("T")


class Part(Protocol):
    """What the calibration needs of a part's configuration."""

    def cost(self, device: Device) -> Cost: ...

    def create(self) -> Any: ...


class Draw:
    """Choices for configuration ``number`` of a ``kind`` of part."""

    def __init__(self, kind: str, number: int) -> None:
        self.generator = np.random.default_rng([zlib.crc32(kind.encode()), number])

    def size(self, low: int, high: int) -> int:
        """A whole number within the bounds, its logarithm uniform."""
        exact = np.exp(self.generator.uniform(np.log(low), np.log(high + 1)))
        return int(min(max(exact, low), high))

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[int(self.generator.integers(len(choices)))]

    def chance(self, share: float = 0.5) -> bool:
        return bool(self.generator.random() < share)

    def values(self, low: int = 2, high: int = 16) -> IntegerRange:
        """The range of all numbers of a width, with a sign or without."""
        return IntegerRange.of_width(self.size(low, high), signed=self.chance())

    def integers(self, low: int, high: int, shape: int | tuple[int, ...]) -> np.ndarray:
        """Whole numbers from ``low`` to ``high``, both included."""
        return self.generator.integers(low, high + 1, shape)

    def words(self, width: int, count: int) -> list[int]:
        """``count`` words of that many random bits."""
        data = self.generator.bytes(count * -(-width // 8))
        step = -(-width // 8)
        mask = (1 << width) - 1
        return [
            int.from_bytes(data[at : at + step], "little") & mask
            for at in range(0, len(data), step)
        ]
