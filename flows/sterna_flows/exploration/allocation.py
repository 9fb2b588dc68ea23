"""Which combinations of foldings are worth a look, by the sum of the layers' estimates.

Layers of a pipeline share nothing but the device and the pace, so for a pace the designs that no
other one dominates follow layer by layer: of each layer the foldings that keep the pace and that no
other one dominates in the resources that count, then sums of these for one layer after the other,
again without those that are dominated. This finds all of them, also those in the hollows of the
frontier that no weighting of resources reaches; sums that are nearly the same are taken for one.

A gearbox between two layers is counted with the second one, but does not keep a folding of the
first one that is dominated. Estimates by layer leave out edges, windows and queues: they say which
designs to evaluate, not what these come to. Whether a folding keeps a pace is found by the exact
cycle model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sterna.candidates import candidates
from sterna.folding import AUTO, Folding, UnrolledFolding
from sterna.ir import MatMul
from sterna.planner import Candidate, Planner
from sterna.streaming_choice import streamed_interval
from sterna.weights import most_distributed_rows, weight_sizing
from sterna_hw.base import Cost
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig

__all__ = ["RESOURCES", "Allocation", "Combinations", "non_dominated_rows"]

RESOURCES = ("lut", "ff", "bram", "uram", "dsp")

BLOCK, DISTRIBUTED, EXTERNAL = "block", "distributed", "external"
"""Where weights may be."""

UNITS = {"lut": 50.0, "ff": 50.0, "bram": 0.5, "uram": 1.0, "dsp": 1.0}
"""Amounts of each resource that are told apart where there is little of it; one part in `GRAIN`
where there is much."""

GRAIN = 50

OTHERS = 1 / 64
"""What a share of a resource that does not count is worth beside one of the first that does."""


def non_dominated_rows(costs: np.ndarray) -> np.ndarray:
    """Indices of the rows of ``[points, costs]`` than which no other one is less or equal in all
    and less in one; of equal rows the first. In the order of the first cost."""
    left = np.lexsort(costs.T[::-1])
    found = []
    while len(left):
        # Nothing behind the first is better in the first cost, and equal rows go with it.
        best, left = left[0], left[1:]
        found.append(best)
        left = left[~(costs[left] >= costs[best]).all(axis=1)]
    return np.array(found, dtype=np.int64)


@dataclass(frozen=True)
class Combinations:
    """Combinations of foldings: shares of the device ``[combinations, resources]``, and the place
    of each layer's folding among that layer's candidates ``[combinations, layers]``."""

    shares: np.ndarray
    picks: np.ndarray


class Allocation:
    """The candidates of all layers, and their combinations.

    Parameters
    ----------
    planner : :class:`Planner`
        Of the network and the device.
    styles : mapping of layer to engine's name to foldings
        What a layer may be, each at any parallelism.
    resources : sequence of :class:`str`
        The resources that count; the first one is what is saved where others are given.
    streamed : collection of :class:`str`
        The layers whose weights may be in external memory, too.
    """

    def __init__(
        self,
        planner: Planner,
        styles: Mapping[str, Mapping[str, Sequence[Folding]]],
        resources: Sequence[str],
        streamed: Collection[str] = (),
    ) -> None:
        self.planner, self.resources = planner, tuple(resources)
        self.layers = planner.layers
        largest = planner.device.lut
        self.items: dict[str, list[Candidate]] = {}
        self._engines: dict[str, np.ndarray] = {}
        self._memories: dict[str, np.ndarray] = {}
        self._usual: dict[str, np.ndarray] = {}
        for layer in self.layers:
            found = {
                folding: engine
                for engine, known in styles[layer.name].items()
                for style in known
                for folding in candidates(layer, style, largest)
            }
            found = {
                other: (engine, memory)
                for folding, engine in found.items()
                for other, memory in self._in_memories(layer, folding, layer.name in streamed)
            }
            self.items[layer.name] = [planner.candidate(layer, folding) for folding in found]
            engines, memories = zip(*found.values())
            self._engines[layer.name], self._memories[layer.name] = map(
                np.array, (engines, memories)
            )
            self._usual[layer.name] = np.array([folding.memory == AUTO for folding in found])
        self._shares = {
            name: np.array([self.share(item.cost) for item in items])
            for name, items in self.items.items()
        }
        # No interval is shorter; replaced by the exact one where that has been found.
        self._interval = {
            name: np.array([item.busy for item in items]) for name, items in self.items.items()
        }
        self._exact = {name: np.zeros(len(items), bool) for name, items in self.items.items()}
        self._worth: dict[tuple[str, str, str, int], np.ndarray] = {}
        totals = (planner.device.total(name) for name in self.resources)
        self._units = np.array(
            [UNITS[name] / max(total, 1) for name, total in zip(resources, totals)]
        )
        self._gearboxes: dict[tuple[str, int, int], list[float]] = {}

    def _in_memories(
        self, layer: MatMul, folding: Folding, streams: bool
    ) -> Iterator[tuple[Folding, str]]:
        """A folding and the same with its weights elsewhere, with the names of the memories: first
        where they are unless something else is said."""
        config = self.planner.candidate(layer, folding).config
        if isinstance(config, UnrolledMatmulConfig) or isinstance(folding, UnrolledFolding):
            yield folding, ""
            return
        device = self.planner.device
        usual = weight_sizing(config, device, reloadable=False).style
        yield folding, usual
        if usual == DISTRIBUTED:
            yield replace(folding, memory=BLOCK), BLOCK
        elif config.row_count <= most_distributed_rows(device):
            yield replace(folding, memory=DISTRIBUTED), DISTRIBUTED
        if streams:
            yield replace(folding, external=True), EXTERNAL

    def memories(self, layer: MatMul) -> tuple[str, ...]:
        """The memories that weights of a layer may be in, of some folding or other."""
        return tuple(sorted(set(self._memories[layer.name].tolist()) - {""}))

    def share(self, cost: Cost) -> list[float]:
        """Shares of the device by the resources that count; what does not count adds a little to
        the first, so that among equals the smaller design is taken."""
        device, shares = self.planner.device, {}
        for kind in RESOURCES:
            amount, whole = getattr(cost, kind), device.total(kind)
            shares[kind] = amount / whole if whole else float(amount > 0)
        row = [shares[kind] for kind in self.resources]
        row[0] += OTHERS * sum(shares[kind] for kind in RESOURCES if kind not in self.resources)
        return row

    def steps(self) -> np.ndarray:
        """Cycles between frames that some layer is busy for in some folding, ascending."""
        busy = {item.busy for items in self.items.values() for item in items}
        return np.array(sorted(busy))

    @property
    def slowest(self) -> int:
        """The longest of these."""
        return int(self.steps()[-1])

    def worth(self, layer: MatMul, limit: int, engine: str = "", memory: str = "") -> np.ndarray:
        """Places of the candidates of a layer, of one engine or of any, with weights in one memory
        or where they usually are, that keep an interval and that none dominates in the resources
        that count; the fastest ones if none keeps it."""
        key = (layer.name, engine, memory, limit)
        if key in self._worth:
            return self._worth[key]
        interval, shares = self._interval[layer.name], self._shares[layer.name]
        allowed = np.ones(len(interval), bool)
        if engine:
            allowed &= self._engines[layer.name] == engine
        suits = (self._memories[layer.name] == memory) & bool(memory)
        # Weights in logic are in no memory, and deep ones in none that is distributed.
        allowed &= suits if (allowed & suits).any() else self._usual[layer.name]
        allowed = np.flatnonzero(allowed)
        while True:
            keeping = allowed[interval[allowed] <= limit]
            if not len(keeping):
                keeping = allowed[interval[allowed] == interval[allowed].min()]
            found = keeping[non_dominated_rows(shares[keeping])]
            new = found[~self._exact[layer.name][found]]
            if not len(new):
                break
            for place in new:
                interval[place] = self._interval_of(layer, self.items[layer.name][place])
                self._exact[layer.name][place] = True
        self._worth[key] = found
        return found

    def _interval_of(self, layer: MatMul, item: Candidate) -> int:
        """Cycles between frames of a layer, by the exact cycle model."""
        config = item.config
        if item.folding.external and not isinstance(config, UnrolledMatmulConfig):
            return streamed_interval(config) * self.planner.graph.types[layer.name].vectors
        return self.planner.interval(layer, config)

    def combine(
        self,
        limit: int,
        engines: Mapping[str, str] | None = None,
        paces: Mapping[str, int] | None = None,
        memories: Mapping[str, str] | None = None,
    ) -> Combinations:
        """The combinations that keep an interval and that none dominates. Layers may be kept to an
        engine or a memory, or asked to be some times faster than that."""
        shares = np.zeros((1, len(self.resources)))
        picks = np.zeros((1, 0), dtype=np.int64)
        for layer in self.layers:
            own = max(1, limit // (paces or {}).get(layer.name, 1))
            kept = ((known or {}).get(layer.name, "") for known in (engines, memories))
            places = self.worth(layer, own, *kept)
            sums = shares[:, np.newaxis] + self._shares[layer.name][places]
            sums += self._between(layer, places, picks)
            sums = sums.reshape(-1, len(self.resources))
            left = _thinned(sums, self._units)
            before, place = np.divmod(left, len(places))
            shares = sums[left]
            picks = np.concatenate([picks[before], places[place][:, np.newaxis]], axis=1)
        return Combinations(shares, picks)

    def _between(self, layer: MatMul, places: np.ndarray, picks: np.ndarray) -> np.ndarray:
        """Shares of the gearbox in front of a layer, ``[combinations, places, resources]``."""
        feeder = self.planner.feeder(layer)
        if isinstance(feeder, str):
            number = [other.name for other in self.layers].index(feeder)
            items = self.items[feeder]
            given = [items[pick].config.queries for pick in picks[:, number]]
        elif feeder is None:
            return np.zeros((1, 1, len(self.resources)))
        else:
            given = [feeder]
        counts, which = np.unique(given, return_inverse=True)
        table = [[self._gearbox(layer, place, int(count)) for place in places] for count in counts]
        return np.array(table)[which]

    def _gearbox(self, layer: MatMul, place: int, given: int) -> list[float]:
        config = self.items[layer.name][place].config
        key = (layer.name, config.block_inputs, given)
        if key not in self._gearboxes:
            cost = self.planner.gearbox_cost(config, given) or Cost()
            self._gearboxes[key] = self.share(cost)
        return self._gearboxes[key]

    def foldings(self, picks: Sequence[int]) -> dict[str, Folding]:
        """A combination as foldings by layer."""
        return {
            layer.name: self.items[layer.name][place].folding
            for layer, place in zip(self.layers, picks)
        }

    def choose(
        self,
        limit: int,
        most: Mapping[str, float],
        engines: Mapping[str, str] | None = None,
        paces: Mapping[str, int] | None = None,
        memories: Mapping[str, str] | None = None,
    ) -> dict[str, Folding]:
        """The foldings that keep an interval with the least of the first resource, while others
        take at most some share of the device; if that cannot be, with the least excess."""
        found = self.combine(limit, engines, paces, memories)
        caps = np.array([most.get(name, np.inf) for name in self.resources])
        excess = np.maximum(found.shares - caps, 0).sum(axis=1)
        best = np.lexsort((found.shares.sum(axis=1), found.shares[:, 0], excess.round(9)))[0]
        return self.foldings(found.picks[best].tolist())


def _thinned(shares: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Rows that are not dominated, one of those that are nearly the same."""
    coarse = np.floor(GRAIN * np.log1p(shares / units) + 1e-6)
    order = np.lexsort(shares.T[::-1])
    _, first = np.unique(coarse[order], axis=0, return_index=True)
    kept = order[np.sort(first)]
    return kept[non_dominated_rows(shares[kept])]
