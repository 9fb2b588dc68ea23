"""What a value of the source network is while it is lowered.

Integers are *codes*, with one scale, or a *tail*: integers followed by float operations that are
only collected, until a quantiser ends them. Where branches meet stands a *sum* or channels that are
*joined*, undecided until it is known what follows. The network's input is *real* until its first
quantiser (`RealInput`), and behind something refused a value is *lost*.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...source import Elementwise, Enlarge
from .input_edge import RealInput
from .tail import FloatTail

__all__ = ["Codes", "Joined", "Lost", "Sum", "Tail", "Value"]


@dataclass(frozen=True)
class Codes:
    """An integer value of the graph with its scale; ``order`` says which element of the source's
    flattened image each of its elements is, where they differ."""

    op: str
    scale: np.ndarray
    zero_point: int
    order: np.ndarray | None = None


@dataclass(frozen=True)
class Tail:
    """An integer value of the graph and the float operations behind it."""

    op: str
    tail: FloatTail
    order: np.ndarray | None = None
    codes: Codes | None = None  # what it began with, where that was no layer's sums
    larger: tuple[Enlarge, ...] = ()  # what is to be done to the image at the end
    channels: np.ndarray | None = None  # and what channel each becomes by that


@dataclass(frozen=True)
class Sum:
    """A sum, or difference, of codes and other sums, and the float operations behind it."""

    name: str
    left: Codes | Sum
    right: Codes | Sum
    subtracts: bool
    steps: tuple[Elementwise, ...] = ()

    def leaves(self, sign: int = 1) -> list[tuple[Codes, int]]:
        """Codes with their signs, in the order of the sum."""
        found: list[tuple[Codes, int]] = []
        for side, own in ((self.left, sign), (self.right, -sign if self.subtracts else sign)):
            found += side.leaves(own) if isinstance(side, Sum) else [(side, own)]
        return found

    def add(self, reals: Sequence[np.ndarray]) -> np.ndarray:
        """The network's sum of its leaves' reals, in its own order."""
        count = len(self.left.leaves()) if isinstance(self.left, Sum) else 1
        x, y = (
            side.add(part) if isinstance(side, Sum) else part[0]
            for side, part in ((self.left, reals[:count]), (self.right, reals[count:]))
        )
        return x - y if self.subtracts else x + y


@dataclass(frozen=True)
class Joined:
    """Channels of several values one behind the other."""

    name: str
    parts: tuple[Codes | Tail | Sum, ...]


class Lost(enum.Enum):
    """What is still known of a value behind something refused."""

    ANYTHING = enum.auto()
    FLOAT = enum.auto()


Value = Codes | Tail | Sum | Joined | RealInput | Lost
