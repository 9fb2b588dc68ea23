"""The space of a streaming network: pace, shares of resources, and by layer engine and haste.

Only the slowest layer counts for throughput, so most combinations of foldings by layer are
wasteful. A point therefore says how many cycles there may be between frames, and what share of the
device may be taken of each resource that is an objective but the first; of the designs that keep to
that, the one with the least of the first resource is taken (`allocation`). Beyond that a layer may
be kept to one engine, and may be asked to be two or four times faster than the pace, which shortens
the latency. The engines are all that there are, the table engine with groups of several sizes,
signs folded or not, and one or two buffers. A layer's weights are in the memory that wastes least,
or in external memory where they may stream from there and that saves something (each such layer
brings a port); or a point keeps them to one kind: block, distributed or external memory.

The sweep to begin with takes points from the frontier of the sums of the layers' estimates: first
its ends, then always the point that is farthest from what those before it offer. So its beginning
is coarse, whatever the number of trials, and it becomes ever finer. They take turns with the
designs that an engineer would write down, whose layers are all `alike`, as long as there are some
that may be better than all that was evaluated (`open_designs`). First comes the point of the sums'
frontier that should beat such a design, and if that did not settle it, the design itself; nothing
else about it is chosen, and the point's other parameters say nothing then.

What a point comes to is found elsewhere (`streaming_evaluation`): this is about choosing only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from sterna.candidates import UNROLLED_WEIGHTS
from sterna.folding import ENGINES, Folding, TableFolding, as_record, engine_style
from sterna.ir import MatMul
from sterna.planner import Planner
from sterna_hw.base import Device
from sterna_hw.table_plan import plan_table

from .allocation import Allocation, non_dominated_rows
from .plain_designs import PlainDesigns
from .space import Evaluated, Parameters
from .streaming_evaluation import StreamingEvaluation

__all__ = ["StreamingSpace", "table_styles"]

PACES = (1, 2, 4)
ANY = "any"
NOT_ALIKE = "no"

BEYOND = 1.25
"""How much faster than the fastest design that fits a pace may be, since estimates are sums."""

SWEPT_PACES = 80
"""Paces whose combinations the sweep is chosen from."""

SWEPT = 1000
"""Points of the sweep at most."""

TURN = 3
"""One point of so many is the frontier's own, as long as there are open designs."""

SMALL = 0.05
"""A share of the device that is small: amounts below it differ little, but in the first
resource."""


def table_styles(layer: MatMul, device: Device) -> list[Folding]:
    """Table engines for a layer: groups about the recommended one whose tables are at most twice as
    deep as one memory, signs folded where that is possible, one buffer or two."""
    best = engine_style("table", layer, device)
    assert isinstance(best, TableFolding)
    found = {best: None}
    for group in range(max(1, best.group - 1), min(best.group + 1, layer.weights.shape[1]) + 1):
        for sign_fold in (False, True) if layer.alphabet.symmetric else (False,):
            if len(layer.alphabet) ** group > 4 * device.lutram_depth:
                continue
            entries = plan_table(layer.alphabet, group, sign_fold).entry_count
            for buffers in (1, 2):
                if entries * buffers <= 2 * device.lutram_depth:
                    found[TableFolding(group, 1, 1, sign_fold, buffers)] = None
    return list(found)


class StreamingSpace:
    """The choices for a prepared graph on a device."""

    def __init__(
        self,
        evaluation: StreamingEvaluation,
        resources: Sequence[str],
        streamed: Collection[str] = (),
    ) -> None:
        self.evaluation = evaluation
        self.graph, self.device = evaluation.graph, evaluation.device
        graph, device = self.graph, self.device
        # Of a resource that the device has not there is nothing to spare.
        self.resources = tuple(name for name in resources if device.total(name)) or ("lut",)
        self.planner = Planner(graph, device)
        self.streamed = frozenset(streamed)
        self.styles = {layer.name: self._styles(layer) for layer in self.planner.layers}

    def _styles(self, layer: MatMul) -> dict[str, list[Folding]]:
        """The engine styles that suit a layer, by the engine's name."""
        inputs = self.graph.types[layer.inputs[0]].range
        found: dict[str, list[Folding]] = {}
        for engine in ENGINES:
            if engine == "table":
                styles = table_styles(layer, self.device)
            elif engine == "unrolled" and (
                np.count_nonzero(layer.weights) > UNROLLED_WEIGHTS or find_spec("da4ml") is None
            ):
                continue
            else:
                styles = [engine_style(engine, layer, self.device)]
            if styles := [style for style in styles if _suits(style, layer, inputs)]:
                found[engine] = styles
        return found

    @cached_property
    def allocation(self) -> Allocation:
        """The foldings of all layers and their combinations."""
        return Allocation(self.planner, self.styles, self.resources, self.streamed)

    @cached_property
    def paces(self) -> tuple[int, int]:
        """Cycles between frames of the fastest design that fits, and of the one that is folded
        most."""
        steps = self.allocation.steps()
        low, high = 0, len(steps) - 1
        while low < high:
            middle = (low + high) // 2
            shares = self.allocation.combine(int(steps[middle])).shares
            fits = bool((shares <= 1).all(axis=1).any())
            low, high = (low, middle) if fits else (middle + 1, high)
        # Edges, windows and gearboxes may be slower than any layer.
        figures = self.evaluation.evaluate(self.design({"interval": float(steps[high])})).figures
        fastest = int(steps[high]) if figures is None else max(int(steps[high]), figures.interval)
        return fastest, max(fastest, int(steps[-1]))

    @cached_property
    def _frontier(self) -> np.ndarray:
        """Paces and shares of the sums that no other one dominates, ``[points, 1 + resources]``."""
        fastest, slowest = self.paces
        steps = self.allocation.steps()
        steps = steps[(steps >= fastest) & (steps <= slowest)]
        wanted = np.geomspace(fastest, slowest, SWEPT_PACES)
        chosen = sorted({int(steps[np.abs(np.log(steps / pace)).argmin()]) for pace in wanted})
        rows = []
        for pace in chosen or [slowest]:
            shares = self.allocation.combine(pace).shares
            shares = shares[(shares <= 1).all(axis=1)]
            rows.append(np.column_stack([np.full(len(shares), pace), shares]))
        costs = np.concatenate(rows)
        return costs[non_dominated_rows(costs)]

    @cached_property
    def _plain(self) -> PlainDesigns:
        return PlainDesigns(self.allocation, self.styles, self.paces, self._frontier)

    @cached_property
    def _own(self) -> list[dict[str, Any]]:
        """Points of the sums' frontier: its ends and what lies between."""
        costs = self._frontier
        scaled = np.column_stack([np.log(costs[:, :2]), np.log(costs[:, 2:] + SMALL)])
        return [self._point(costs[place]) for place in _farthest_first(scaled, SWEPT)]

    def sweep(self, start: int, count: int, finished: Sequence[Evaluated]) -> list[dict[str, Any]]:
        usual = {"most": 1.0, "engine": ANY, "pace": 1, "memory": ANY, "alike": NOT_ALIKE}
        rest = {name: usual.get(name.partition(".")[0]) for name in self.distributions}
        asked = {_key({**rest, **point.parameters}) for point in finished}
        own = [{**rest, **point} for point in self._own]
        fresh = (point for point in own if _key(point) not in asked)
        alike = self._points_for_plain(finished, count, rest, asked)
        points = []
        for place in range(start, start + count):
            first, second = (fresh, alike) if place % TURN == 0 else (alike, fresh)
            point = next(first, None) or next(second, None) or own[place % len(own)]
            asked.add(_key(point))
            points.append(point)
        return points

    def _points_for_plain(
        self,
        finished: Sequence[Evaluated],
        count: int,
        rest: Mapping[str, Any],
        asked: Collection[Any],
    ) -> Iterator[dict[str, Any]]:
        """Points for the open designs whose layers are all alike."""
        names = {str(point.parameters.get("alike")) for point in finished}
        for name in self._plain.choose([point.outcome for point in finished], count, names):
            row = self._plain.beating(name)
            if row is not None and _key(point := {**rest, **self._point(row)}) not in asked:
                yield point
            else:
                yield {**rest, "alike": name, "interval": float(self._plain.pace(name))}

    def _point(self, row: np.ndarray) -> dict[str, Any]:
        # A bit more than the point takes, since what is compared are sums of fractions.
        most = {
            f"most.{name}": float(min(share + 1e-6, 1))
            for name, share in zip(self.resources[1:], row[2:])
        }
        return {"interval": float(row[0]), **most}

    @property
    def distributions(self) -> Mapping[str, BaseDistribution]:
        return self._distributions

    @cached_property
    def _distributions(self) -> Mapping[str, BaseDistribution]:
        fastest, slowest = self.paces
        low = max(1.0, fastest / BEYOND)
        found: dict[str, BaseDistribution] = {
            "interval": FloatDistribution(low, max(low + 1, float(slowest)), log=True)
        }
        for resource in self.resources[1:]:
            found[f"most.{resource}"] = FloatDistribution(0.0, 1.0)
        for layer, styles in self.styles.items():
            if len(styles) > 1:
                found[f"engine.{layer}"] = CategoricalDistribution((ANY, *styles))
            found[f"pace.{layer}"] = CategoricalDistribution(PACES)
        for layer in self.allocation.layers:
            memories = self.allocation.memories(layer)
            if len(memories) > 1:
                found[f"memory.{layer.name}"] = CategoricalDistribution((ANY, *memories))
        if names := self._plain.names:
            found["alike"] = CategoricalDistribution((NOT_ALIKE, *names))
        return found

    @property
    def sampled(self) -> Mapping[str, BaseDistribution]:
        return {name: kind for name, kind in self.distributions.items() if name != "alike"}

    def design(self, parameters: Parameters) -> dict[str, Any]:
        if (name := parameters.get("alike", NOT_ALIKE)) != NOT_ALIKE:
            return {"foldings": as_record(self._plain.foldings(name))}

        def of_layers(kind: str) -> dict[str, Any]:
            values = ((name.partition("."), value) for name, value in parameters.items())
            return {layer: value for (found, _, layer), value in values if found == kind}

        engines, memories = (
            {layer: name for layer, name in of_layers(kind).items() if name != ANY}
            for kind in ("engine", "memory")
        )
        foldings = self.allocation.choose(
            int(parameters["interval"]), of_layers("most"), engines, of_layers("pace"), memories
        )
        return {"foldings": as_record(foldings)}


def _key(parameters: Parameters) -> tuple[Any, ...]:
    return tuple(sorted((name, str(value)) for name, value in parameters.items()))


def _suits(style: Folding, layer: MatMul, inputs: Any) -> bool:
    if style.engine == "unrolled":
        return True
    try:
        style.engine_config(layer, inputs, None)
    except ValueError:
        return False
    return True


def _farthest_first(costs: np.ndarray, count: int) -> list[int]:
    """Places of so many rows of ``[points, costs]``: the ends in each cost, then always the one for
    which the best of those before it falls short by most."""
    order = list(dict.fromkeys([*costs.argmin(axis=0).tolist(), int(costs[:, 0].argmax())]))
    short = np.full(len(costs), np.inf)
    for place in order:
        short = np.minimum(short, (costs[place] - costs).max(axis=1))
    while len(order) < min(count, len(costs)):
        place = int(short.argmax())
        if short[place] <= 0:
            break
        order.append(place)
        short = np.minimum(short, (costs[place] - costs).max(axis=1))
    return order
