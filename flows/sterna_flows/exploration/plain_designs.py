"""The designs with alike layers of a network on a device, and what should beat each of them.

They are what an engineer would write down (`alike`). An exploration has to be at least as good as
each, so it takes those that are open (`open_designs`) one after the other. The frontier of the sums
of layers has a point that should beat most of them: as fast, with no more of anything, and with
clearly less of the first resource.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from sterna.folding import Folding, LayerFolding
from sterna.grouping import GroupFolding
from sterna.planner import Candidate
from sterna_hw.base import Cost

from .alike import alike_designs
from .allocation import RESOURCES, Allocation
from .open_designs import OpenDesigns, Settled
from .space import Outcome
from .streaming_evaluation import foldings_of_design

__all__ = ["PlainDesigns"]

BEATEN = 0.98
"""Less than this share of the first resource should do instead of a design that it is asked for."""


class PlainDesigns:
    """Parameters
    ----------
    allocation : :class:`Allocation`
        The layers' foldings and their costs.
    styles : mapping of layer to engines
        The engines that suit each layer.
    paces : tuple of :class:`int`
        Cycles between frames of the fastest design that fits and of the one folded most.
    frontier : array ``[points, 1 + resources]``
        Paces and shares of the sums that no other one dominates.
    """

    def __init__(
        self,
        allocation: Allocation,
        styles: Mapping[str, Collection[str]],
        paces: tuple[int, int],
        frontier: np.ndarray,
    ) -> None:
        self.allocation, self.planner = allocation, allocation.planner
        self.frontier = frontier
        fastest, slowest = paces
        self._foldings: dict[str, Mapping[str, Folding]] = {}
        self._rows: dict[str, np.ndarray] = {}
        sums = []
        for item in alike_designs(self.planner.layers, styles, self.planner.device):
            parts = self._parts(item.foldings)
            shares = self._sums(parts)
            if (shares > 1).any():
                continue
            pace = min(max(fastest, *(part.busy for part in parts)), slowest)
            self._foldings[str(item)] = item.foldings
            # The frontier's shares have a bit of what does not count in them.
            weighed = np.sum([allocation.share(part.cost) for part in parts], axis=0)
            self._rows[str(item)] = np.array([pace, *weighed])
            sums.append(shares)
        busy = np.array([row[0] for row in self._rows.values()])
        shape = (len(sums), len(allocation.resources))
        self._open = OpenDesigns(list(self._rows), busy, np.reshape(sums, shape))

    @property
    def names(self) -> tuple[str, ...]:
        """The designs that fit by the sums of their layers."""
        return tuple(self._rows)

    def foldings(self, name: str) -> Mapping[str, Folding]:
        """A design's foldings by layer."""
        return self._foldings[name]

    def pace(self, name: str) -> int:
        """Cycles that a design's slowest layer is busy for."""
        return int(self._rows[name][0])

    def beating(self, name: str) -> np.ndarray | None:
        """The row of the frontier that should beat a design, if there is one."""
        pace, first, *others = self._rows[name]
        bounds = np.array([pace, first * BEATEN, *others]) + 1e-9
        rows = self.frontier[(self.frontier <= bounds).all(axis=1)]
        return rows[rows[:, 1].argmin()] if len(rows) else None

    def choose(self, finished: Sequence[Outcome], count: int, asked: Collection[str]) -> list[str]:
        """Up to so many designs that may be better than all that was evaluated, without those that
        were asked for themselves."""
        known = [self._settled(outcome) for outcome in finished]
        return self._open.choose([item for item in known if item is not None], count, asked)

    def _settled(self, outcome: Outcome) -> Settled | None:
        """What an evaluated point tells about others, if it is a design that fits."""
        figures = outcome.figures
        if figures is None or outcome.excess > 0:
            return None
        cost = Cost(**{name: getattr(figures, name) for name in RESOURCES})
        sums = self._sums(self._parts(foldings_of_design(outcome.design)))
        return Settled(figures.interval, self._shares(cost), sums)

    def _parts(self, foldings: Mapping[str, LayerFolding]) -> list[Candidate]:
        parts = []
        for layer in self.planner.layers:
            folding = foldings[layer.name]
            assert not isinstance(folding, GroupFolding)
            parts.append(self.planner.candidate(layer, folding))
        return parts

    def _sums(self, parts: Sequence[Candidate]) -> np.ndarray:
        """Shares of the device that layers take, and what brings them beats of their own size,
        ``[resources]``."""
        planner = self.planner
        cost, queries = Cost(), {}
        for layer, part in zip(planner.layers, parts):
            feeder = planner.feeder(layer)
            given = queries[feeder] if isinstance(feeder, str) else feeder
            if given is not None:
                cost += planner.gearbox_cost(part.config, given) or Cost()
            cost += part.cost
            queries[layer.name] = part.config.queries
        return self._shares(cost)

    def _shares(self, cost: Cost) -> np.ndarray:
        device, names = self.planner.device, self.allocation.resources
        return np.array([getattr(cost, name) / device.total(name) for name in names])
