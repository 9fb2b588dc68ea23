"""What a value of the source network is while it is lowered: codes, a tail, or lost."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from ..source import Enlarge
from .tail import FloatTail

__all__ = ["Codes", "Lost", "Tail"]


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


class Lost(enum.Enum):
    """What is still known of a value behind something refused."""

    ANYTHING = enum.auto()
    FLOAT = enum.auto()
