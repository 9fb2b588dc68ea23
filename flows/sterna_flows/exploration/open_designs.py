"""Which designs with alike layers may still be better than everything that was evaluated.

The sums of a design's layers leave out what stands between and around layers. How much that is at
least is judged by the designs that were evaluated: the least difference, by resource, of what one
came to and the sum of its layers, and a fifth less of it, since there may be less in a design that
was not seen. Sums with that added are what a design takes at best, and no design is faster than its
slowest layer. So a design is settled when one that was evaluated is as
fast and takes no more of anything than it takes at best; the others are open. Of those, the one
comes next that is farthest from what is known and from those chosen before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

__all__ = ["OpenDesigns", "Settled"]

CERTAIN = 0.8
"""So much of what was seen besides layers everywhere is expected in every design."""

SMALL = 0.01
"""A share of the device that is small: amounts below it differ little, but in the first
resource."""


@dataclass(frozen=True)
class Settled:
    """A design that was evaluated: its interval in cycles, the shares of the device that it takes,
    ``[resources]``, and the sums of its layers' shares."""

    interval: int
    shares: np.ndarray
    sums: np.ndarray


class OpenDesigns:
    """Parameters
    ----------
    names : sequence of :class:`str`
        The designs.
    paces : array ``[designs]``
        Cycles that the slowest layer of each is busy for.
    sums : array ``[designs, resources]``
        Sums of the layers' shares of the device.
    """

    def __init__(self, names: Sequence[str], paces: np.ndarray, sums: np.ndarray) -> None:
        self.names, self.paces, self.sums = list(names), paces, sums

    def at_best(self, settled: Sequence[Settled]) -> np.ndarray:
        """Shares that each design takes at least, ``[designs, resources]``."""
        if not settled:
            return self.sums
        besides = np.min([np.maximum(item.shares - item.sums, 0) for item in settled], axis=0)
        return self.sums + CERTAIN * besides

    def choose(
        self, settled: Sequence[Settled], count: int, asked: Collection[str] = ()
    ) -> list[str]:
        """Up to so many open designs, in the order in which they should be evaluated, without
        those that were asked for already."""
        return list(islice(self._open(settled, asked), count))

    def _open(self, settled: Sequence[Settled], asked: Collection[str]) -> Iterator[str]:
        least = self.at_best(settled)
        rows = self._scaled(self.paces, least)
        gaps = np.full(len(rows), np.inf)
        # What does not fit is of no use.
        gaps[(least > 1).any(axis=1)] = 0
        gaps[[name in asked for name in self.names]] = 0
        if settled:
            known = self._scaled(
                np.array([item.interval for item in settled]),
                np.array([item.shares for item in settled]),
            )
            for row in known:
                gaps = np.minimum(gaps, np.maximum((row - rows).max(axis=1), 0))
        while len(gaps) and (place := int(gaps.argmax())) >= 0 and gaps[place] > 1e-9:
            yield self.names[place]
            gaps = np.minimum(gaps, np.maximum((rows[place] - rows).max(axis=1), 0))

    @staticmethod
    def _scaled(paces: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Rows whose differences tell how many times more something is."""
        return np.column_stack(
            [np.log(paces), np.log(shares[:, :1] + 1e-6), np.log(shares[:, 1:] + SMALL)]
        )
