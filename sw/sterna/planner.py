"""Chooses each layer's folding for a target rate or a resource budget.

The slowest layer sets the pace of a streaming pipeline, so work spent on any other layer is wasted.
For an interval I (cycles between frames) the best choice is therefore, layer by layer, the cheapest
folding whose own interval is at most I. Given a rate, I follows from the clock. Given a budget, the
planner finds the smallest I whose cheapest choice still fits, by bisection over the intervals that
the candidates can reach. Given neither, it aims at a design that is simulated and placed in
minutes. Nothing here knows an engine's formula: a candidate's interval is found by running the
engine's own timing in the exact cycle model, its cost is the parts' own estimate.

Candidates (see `candidates`) are the foldings of one engine or of several that are not plainly
wasteful. Layers are chosen in order. A candidate's cost holds all that depends on it: the engine,
its weight buffer, the gearbox in front, and the thresholds and the like behind it, which are as
wide as it gives results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from sterna_hw.base import Cost, Device, IntegerRange
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig

from .budget import Budget, BudgetError
from .candidates import ENGINE_CHOICES, candidates, engine_styles
from .cycles import Network, simulate_network
from .folding import EngineConfig, Folding, UnrolledFolding
from .grouping import fewest_cycles
from .ir import Add, Concat, Graph, GroupMatMul, Input, MatMul, Window
from .mapping import map_graph, parts_behind
from .stage_builder import edge_count
from .stream_builder import regrouping
from .streaming_choice import (
    MEMORY_BYTES,
    MEMORY_CHOICES,
    MEMORY_KINDS,
    StreamedLayer,
    least_interval,
    streamed_interval,
    to_stream,
)
from .weights import FetchingConfig, weight_buffer, weight_stream

__all__ = ["Budget", "Candidate", "Planner", "engine_interval"]


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
    if not isinstance(config, UnrolledMatmulConfig):
        beats["engine", "weights"] = config.row_count * frames
    done = simulate_network(Network({"engine": timing}, []), beats)
    last = done.transfers["engine", "o"][config.output_blocks - 1 :: config.output_blocks]
    return int(last[-1] - last[-2])


class Planner:
    """Chooses foldings for one graph on one device.

    Parameters
    ----------
    graph : :class:`Graph`
        A network, as hardware carries it out.
    device : :class:`Device`
        Where it goes.
    reloadable : :class:`bool`
        Whether weights can be loaded at run time (wider accumulators).
    engine : :class:`str`
        The engine of all layers, ``auto`` for the cheapest of each, or ``recommended``: the one
        that measured best on the device's family.
    memory : :class:`str`
        Where weights are: ``on-chip``, ``external`` for all that can stream from there, or
        ``auto``: only those that the device's memories cannot hold.

    Attributes
    ----------
    external : set of :class:`str`
        Layers whose weights stream from external memory; known after `plan`.

    Raises
    ------
    ValueError
        If there is no such engine or place, or they do not go together.
    """

    def __init__(
        self,
        graph: Graph,
        device: Device,
        reloadable: bool = False,
        engine: str = "recommended",
        memory: str = "auto",
    ) -> None:
        if engine not in ENGINE_CHOICES:
            raise ValueError(f"Engine must be one of {', '.join(ENGINE_CHOICES)}, not {engine!r}")
        if memory not in MEMORY_CHOICES:
            raise ValueError(f"Memory must be one of {', '.join(MEMORY_CHOICES)}, not {memory!r}")
        if memory == "external" and (reloadable or engine == "unrolled"):
            rule = "reloadable" if reloadable else "unrolled"
            raise ValueError(f"Weights in external memory must not be {rule}: choose one")
        self.graph = graph
        self.device = device
        self.reloadable = reloadable
        self.engine = engine
        self.memory = memory
        self.external: set[str] = set()
        self.layers = [op for op in graph.ops if isinstance(op, MatMul)]
        self._groups = [op for op in graph.ops if isinstance(op, GroupMatMul)]
        self._evaluated: dict[tuple[str, Folding], Candidate] = {}
        self._behind: dict[tuple[str, int], Cost] = {}
        self._buffers: dict[tuple[int, int, IntegerRange, str], Cost] = {}
        self._gearboxes: dict[tuple[int, IntegerRange, int, int], Cost | None] = {}

    def plan(self, interval: int | None = None, budget: Budget | None = None) -> dict[str, Folding]:
        """Foldings by layer name.

        Parameters
        ----------
        interval : :class:`int`, optional
            Cycles between frames to reach; without it, the fewest that the budget allows.
        budget : :class:`Budget`, optional
            Share of the device that may be taken. Without an interval either, the planner aims at
            `Budget.modest`, and goes beyond it only for a network that needs more at any rate.

        Raises
        ------
        ValueError
            If a layer cannot reach the interval, or the design exceeds the budget; the message
            names the layer or the resources.
        """
        self.external = {op.name for op in self.layers} if self.memory == "external" else set()
        while True:
            try:
                return self._plan(interval, budget)
            except BudgetError as error:
                found = self._to_stream(error)
                if not found:
                    raise
                self.external |= found

    def _to_stream(self, error: BudgetError) -> set[str]:
        """Further layers whose weights must move out for a design to fit, if that is the reason why
        it does not and they may."""
        over = {kind: amount for kind, amount in error.over.items() if kind in MEMORY_KINDS}
        if not over or self.reloadable or self.memory != "auto":
            return set()
        items = []
        for op in self.layers:
            folding = error.foldings[op.name]
            config = self.candidate(op, folding).config
            if not folding.external and not isinstance(config, UnrolledMatmulConfig):
                items.append(StreamedLayer(op.name, config, self._vectors(op)))
        return set(to_stream(items, over, self.device))

    def _plan(self, interval: int | None, budget: Budget | None) -> dict[str, Folding]:
        """A plan with the weights of some layers, by now known, in external memory."""
        aim = budget or Budget.modest(self.device)
        budget = budget or Budget()
        if interval is not None:
            chosen = self._choose(budget, interval)
            self._check(chosen, budget, f" at {interval} cycles a frame", "")
            return chosen
        options = [self.options(layer, budget) for layer in self.layers]
        steps = sorted({item.busy for items in options for item in items})
        # The slowest step of all is met by every layer, folded most.
        most_folded = [
            self.interval(layer, items[0].config) for layer, items in zip(self.layers, options)
        ]
        slowest = max([1, *most_folded, *(self._group_interval(op) for op in self._groups)])
        steps = [step for step in steps if step < slowest] + [slowest]
        chosen = self._choose(budget, slowest)
        self._check(chosen, budget, "", " when folded most")
        low, high = 0, len(steps) - 1
        while low < high:
            middle = (low + high) // 2
            try:
                attempt = self._choose(budget, steps[middle])
            except ValueError:
                attempt = None
            if attempt is None or not aim.holds(self._cost(attempt), self.device):
                low = middle + 1
            else:
                high, chosen = middle, attempt
        return chosen

    def options(self, layer: MatMul, budget: Budget, given: int | None = None) -> list[Candidate]:
        """The candidates of a layer, the cheapest first; behind one that gives ``given`` elements a
        beat, with the gearbox that each needs."""
        # No engine takes less than a LUT for a multiply-accumulate a cycle: the bound prunes only.
        largest = int(self.device.lut * budget.lut)
        inputs = self.graph.types[layer.inputs[0]].range
        styles = engine_styles(self.engine, layer, inputs, self.device, self.reloadable)
        items = [
            self._with_gearbox(self.candidate(layer, folding), given)
            for style in styles
            for folding in candidates(layer, style, largest, given)
        ]
        return sorted(items, key=lambda item: (_share(item.cost, self.device), item.busy))

    def interval(self, layer: MatMul, config: EngineConfig) -> int:
        """Cycles between frames of a layer on an engine: those between its vectors, for each."""
        if layer.name in self.external and not isinstance(config, UnrolledMatmulConfig):
            return streamed_interval(config) * self._vectors(layer)
        return engine_interval(config) * self._vectors(layer)

    def _group_interval(self, op: GroupMatMul) -> int:
        """Cycles of a frame of a grouped convolution with everything in parallel."""
        return fewest_cycles(op) * self.graph.types[op.name].vectors

    def _vectors(self, layer: MatMul) -> int:
        """Vectors of a frame: positions of a window, or one."""
        return self.graph.types[layer.name].vectors

    def candidate(self, layer: MatMul, folding: Folding) -> Candidate:
        """A folding of a layer with its engine and cost, that of a gearbox in front left out."""
        if layer.name in self.external and not isinstance(folding, UnrolledFolding):
            folding = replace(folding, external=True)
        known = self._evaluated.get((layer.name, folding))
        if known is not None:
            return known
        inputs = self.graph.types[layer.inputs[0]].range
        accumulator = None if self.reloadable else self.graph.types[layer.name].range
        config = folding.engine_config(layer, inputs, accumulator)
        cost = config.cost(self.device)
        busy = config.timing().busy_cycles
        if folding.external and not isinstance(config, UnrolledMatmulConfig):
            stream = weight_stream("weights", config, None)
            cost += stream.cost(self.device)
            busy = max(busy, stream.pass_words)
        elif not isinstance(config, UnrolledMatmulConfig):
            cost += self._buffer_cost(config, folding.memory)
        cost += self._cost_behind(layer, config)
        busy *= self._vectors(layer)
        found = Candidate(folding, config, busy, cost)
        self._evaluated[layer.name, folding] = found
        return found

    def _buffer_cost(self, config: FetchingConfig, memory: str) -> Cost:
        key = (config.row_count, config.row_elements, config.word_range, memory)
        if key not in self._buffers:
            buffer = weight_buffer("weights", config, None, self.device, self.reloadable, memory)
            self._buffers[key] = buffer.cost(self.device)
        return self._buffers[key]

    def _cost_behind(self, layer: MatMul, config: EngineConfig) -> Cost:
        """Of what stands between this layer and the next: it depends on the queries alone."""
        key = (layer.name, config.queries)
        if key not in self._behind:
            parts = parts_behind(
                self.graph, layer.name, config, self.device, reloadable=self.reloadable
            )
            costs = (part.cost(self.device) for part in parts)
            self._behind[key] = sum(costs, start=Cost())
        return self._behind[key]

    def _with_gearbox(self, item: Candidate, given: int | None) -> Candidate:
        cost = None if given is None else self.gearbox_cost(item.config, given)
        return item if cost is None else replace(item, cost=item.cost + cost)

    def gearbox_cost(self, config: EngineConfig, given: int) -> Cost | None:
        """What it takes to bring beats of so many elements to an engine; None where they fit."""
        key = (config.inputs, config.input_range, given, config.block_inputs)
        if key not in self._gearboxes:
            part = regrouping(*key)
            self._gearboxes[key] = None if part is None else part.cost(self.device)
        return self._gearboxes[key]

    def _choose(self, budget: Budget, limit: int) -> dict[str, Folding]:
        """The cheapest folding of each layer whose exact interval is at most ``limit``."""
        for op in self._groups:
            if self._group_interval(op) > limit:
                raise ValueError(
                    f"Interval of {op.name} must be {self._group_interval(op)} cycles or more, "
                    f"not {limit}"
                )
        chosen: dict[str, Folding] = {}
        queries: dict[str, int] = {}
        words = 0
        for layer in self.layers:
            given = self._given(layer, queries)
            source = self.graph[layer.inputs[0]]
            if isinstance(source, Window):
                self._check_pixels(source, limit)
            items = self.options(layer, budget, given)
            fitting = (item for item in items if item.busy <= limit)
            best = next((i for i in fitting if self.interval(layer, i.config) <= limit), None)
            if best is None:
                fastest = min(items, key=lambda item: item.busy)
                where = f" on {self.device.name}"
                if layer.name in self.external:
                    where += ", its weights coming from external memory at 16 bytes a cycle"
                raise ValueError(
                    f"Interval of {layer.name} must be {self.interval(layer, fastest.config)} "
                    f"cycles or more{where}, not {limit}"
                )
            chosen[layer.name] = best.folding
            queries[layer.name] = best.config.queries
            if best.folding.external and not isinstance(best.config, UnrolledMatmulConfig):
                stream = weight_stream("weights", best.config, None)
                words += stream.pass_words * self._vectors(layer)
        if least_interval(words) > limit:
            raise ValueError(
                f"Interval of {self.graph.name} must be {least_interval(words)} cycles or more, in "
                f"which memory gives all weights at {MEMORY_BYTES} bytes a cycle, not {limit}"
            )
        return chosen

    def feeder(self, layer: MatMul) -> str | int | None:
        """Who decides how many elements a beat come to a layer: the name of another layer, whose
        queries they are, or the edge, which gives so many; behind a window it follows from the
        folding, and where branches meet nobody knows yet."""
        op = self.graph[layer.inputs[0]]
        while not isinstance(op, MatMul | Input):
            if isinstance(op, Window | Add | Concat):
                return None
            op = self.graph[op.inputs[0]]
        return op.name if isinstance(op, MatMul) else edge_count(self.graph.types[op.name].range)

    def _given(self, layer: MatMul, queries: Mapping[str, int]) -> int | None:
        """Elements a beat that come to a layer, as far as the layers before it decide."""
        feeder = self.feeder(layer)
        return queries[feeder] if isinstance(feeder, str) else feeder

    def _check_pixels(self, window: Window, limit: int) -> None:
        """A window takes a pixel and gives a position a cycle at most."""
        pixels = max(window.rows.size * window.columns.size, window.positions)
        if pixels > limit:
            raise ValueError(
                f"Interval of {window.name} must be {pixels} cycles or more, not {limit}"
            )

    def _cost(self, foldings: Mapping[str, Folding]) -> Cost:
        mapped = map_graph(
            self.graph, self.device, foldings, reloadable=self.reloadable, contents=False
        )
        return mapped.accelerator.cost(self.device)

    def _check(
        self, foldings: Mapping[str, Folding], budget: Budget, where: str, when: str
    ) -> None:
        """Raises `BudgetError` if a design does not fit."""
        cost = self._cost(foldings)
        if excess := budget.excess(cost, self.device):
            raise BudgetError(
                f"Design must fit the budget of {self.device.name}{where}, not take "
                f"{', '.join(excess)}{when}",
                budget.exceeded(cost, self.device),
                foldings,
            )


def _share(cost: Cost, device: Device) -> float:
    """One number to compare costs by: the sum of the shares of the device."""
    shares = 0.0
    for kind in ("lut", "ff", "bram", "uram", "dsp"):
        if amount := getattr(cost, kind):
            total = device.total(kind)
            shares += amount / total if total else float("inf")
    return shares
