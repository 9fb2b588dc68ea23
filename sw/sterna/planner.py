"""Chooses each layer's folding for a target rate or a resource budget.

The slowest layer sets the pace of a streaming pipeline, so work spent on any other layer is wasted.
For an interval I (cycles between frames) the best choice is therefore, layer by layer, the cheapest
folding whose own interval is at most I. Given a rate, I follows from the clock. Given a budget, the
planner finds the smallest I whose cheapest choice still fits, by bisection over the intervals that
the candidates can reach. Nothing here knows an engine's formula: a candidate's interval is found by
running the engine's own timing in the exact cycle model, its cost is the engine's and its weight
buffer's own estimate.

Candidates are the foldings that are not plainly wasteful: among all table counts with the same
number of input blocks only the smallest, and likewise for queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sterna_hw.base import Cost, Device

from .cycles import Network, simulate_network
from .folding import EngineConfig, Folding, SelectFolding, TableFolding, recommended_folding
from .ir import Graph, MatMul
from .mapping import map_graph
from .weights import weight_buffer

__all__ = ["Budget", "Candidate", "Planner", "candidates", "engine_interval"]


@dataclass(frozen=True)
class Budget:
    """The share of the device that a design may take, by resource, from 0 to 1."""

    lut: float = 0.6
    ff: float = 0.6
    bram: float = 0.8
    uram: float = 0.8
    dsp: float = 0.8

    def __post_init__(self) -> None:
        for resource in ("lut", "ff", "bram", "uram", "dsp"):
            share = getattr(self, resource)
            if not 0 < share <= 1:
                raise ValueError(f"Budget of {resource} must be above 0 and at most 1, not {share}")

    def holds(self, cost: Cost, device: Device) -> bool:
        return not self.excess(cost, device)

    def excess(self, cost: Cost, device: Device) -> list[str]:
        """The resources that are exceeded, each as a readable phrase."""
        return [
            f"{getattr(cost, kind):.0f} of {device.total(kind) * getattr(self, kind):.0f} {kind}"
            for kind in ("lut", "ff", "bram", "uram", "dsp")
            if getattr(cost, kind) > device.total(kind) * getattr(self, kind)
        ]


@dataclass(frozen=True)
class Candidate:
    """A folding of one layer with its engine and estimated cost.

    ``busy`` is the cycles that a frame keeps the engine's busiest process at work: no interval is
    shorter.
    """

    folding: Folding
    config: EngineConfig
    busy: int
    cost: Cost


@lru_cache(maxsize=4096)
def engine_interval(config: EngineConfig) -> int:
    """Cycles between frames of an engine alone, by the exact cycle model on its own timing."""
    frames = 3
    timing = config.timing()
    beats = {("engine", "i"): config.input_blocks * frames}
    beats["engine", "weights"] = config.row_count * frames
    done = simulate_network(Network({"engine": timing}, []), beats)
    last = done.transfers["engine", "o"][config.output_blocks - 1 :: config.output_blocks]
    return int(last[-1] - last[-2])


def _useful_counts(total: int) -> list[int]:
    """For each number of steps that covers ``total``, the smallest count a step."""
    steps = {-(-total // count) for count in range(1, total + 1)}
    return sorted({-(-total // step) for step in steps})


def candidates(
    layer: MatMul, recommended: Folding, largest: int | None = None
) -> Iterable[Folding]:
    """Foldings of a layer in the style of a recommended one (engine, group, folding, buffers)."""
    outputs, inputs = layer.weights.shape
    if isinstance(recommended, SelectFolding):
        for block_inputs in _useful_counts(inputs):
            for queries in _useful_counts(outputs):
                if largest is None or block_inputs * queries <= largest:
                    yield SelectFolding(block_inputs, queries)
        return
    group = min(recommended.group, inputs)
    sign_fold = recommended.sign_fold and layer.alphabet.symmetric
    for tables in _useful_counts(-(-inputs // group)):
        for queries in _useful_counts(outputs):
            if largest is None or tables * group * queries <= largest:
                yield TableFolding(group, tables, queries, sign_fold, recommended.buffers)


class Planner:
    """Chooses foldings for one graph on one device.

    Parameters
    ----------
    graph : :class:`Graph`
        A chain, as hardware carries it out.
    device : :class:`Device`
        Where it goes.
    reloadable : :class:`bool`
        Whether weights can be loaded at run time (wider accumulators).
    """

    def __init__(self, graph: Graph, device: Device, reloadable: bool = False) -> None:
        self.graph = graph
        self.device = device
        self.reloadable = reloadable
        self.layers = [op for op in graph.ops if isinstance(op, MatMul)]

    def plan(self, interval: int | None = None, budget: Budget | None = None) -> dict[str, Folding]:
        """Foldings by layer name.

        Parameters
        ----------
        interval : :class:`int`, optional
            Cycles between frames to reach; without it, the fewest that the budget allows.
        budget : :class:`Budget`, optional
            Share of the device that may be taken.

        Raises
        ------
        ValueError
            If a layer cannot reach the interval, or the design exceeds the budget; the message
            names the layer or the resources.
        """
        budget = budget or Budget()
        options = {layer.name: self.options(layer, budget) for layer in self.layers}
        if interval is not None:
            chosen = self._choose(options, interval)
            if excess := self._excess(chosen, budget):
                raise ValueError(
                    f"Design must fit the budget of {self.device.name} at {interval} cycles a "
                    f"frame, not take {excess}"
                )
            return chosen
        steps = sorted({item.busy for items in options.values() for item in items})
        # The slowest step of all is met by every layer, folded most.
        slowest = max(
            engine_interval(item.config) for items in options.values() for item in items[:1]
        )
        steps = [step for step in steps if step < slowest] + [slowest]
        chosen = self._choose(options, slowest)
        if excess := self._excess(chosen, budget):
            raise ValueError(
                f"Design must fit the budget of {self.device.name}, not take {excess} "
                f"when folded most"
            )
        low, high = 0, len(steps) - 1
        while low < high:
            middle = (low + high) // 2
            try:
                attempt = self._choose(options, steps[middle])
            except ValueError:
                attempt = None
            if attempt is None or self._excess(attempt, budget):
                low = middle + 1
            else:
                high, chosen = middle, attempt
        return chosen

    def options(self, layer: MatMul, budget: Budget) -> list[Candidate]:
        """The candidates of a layer, the cheapest first."""
        # No engine takes less than a LUT for a multiply-accumulate a cycle: the bound prunes only.
        largest = int(self.device.lut * budget.lut)
        style = recommended_folding(layer, self.device)
        items = [self._evaluate(layer, item) for item in candidates(layer, style, largest)]
        return sorted(items, key=lambda item: (_share(item.cost, self.device), item.busy))

    def _evaluate(self, layer: MatMul, folding: Folding) -> Candidate:
        inputs = self.graph.types[layer.inputs[0]].range
        accumulator = None if self.reloadable else self.graph.types[layer.name].range
        config = folding.engine_config(layer, inputs, accumulator)
        buffer = weight_buffer("weights", config, None, self.device, self.reloadable)
        cost = config.cost(self.device) + buffer.cost(self.device)
        return Candidate(folding, config, config.timing().busy_cycles, cost)

    def _choose(self, options: Mapping[str, list[Candidate]], limit: int) -> dict[str, Folding]:
        """The cheapest folding of each layer whose exact interval is at most ``limit``."""
        chosen = {}
        for name, items in options.items():
            fitting = (item for item in items if item.busy <= limit)
            best = next((item for item in fitting if engine_interval(item.config) <= limit), None)
            if best is None:
                fastest = min(items, key=lambda item: item.busy)
                raise ValueError(
                    f"Interval of {name} must be {engine_interval(fastest.config)} cycles or more "
                    f"on {self.device.name}, not {limit}"
                )
            chosen[name] = best.folding
        return chosen

    def _excess(self, foldings: Mapping[str, Folding], budget: Budget) -> str:
        mapped = map_graph(
            self.graph, self.device, foldings, reloadable=self.reloadable, contents=False
        )
        return ", ".join(budget.excess(mapped.accelerator.cost(self.device), self.device))


def _share(cost: Cost, device: Device) -> float:
    """One number to compare costs by: the sum of the shares of the device."""
    shares = 0.0
    for kind in ("lut", "ff", "bram", "uram", "dsp"):
        if amount := getattr(cost, kind):
            total = device.total(kind)
            shares += amount / total if total else float("inf")
    return shares
