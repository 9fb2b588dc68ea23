"""A network with a queue in every place where one may be, and how it runs with other depths.

The exact cycle model tells the interval of a few frames; queues of depth 0 are taken out of the
network, latency and all. What was run is remembered, and so is what ran in vain: less room in the
same places cannot help. `sterna.queues` searches depths with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np

from sterna_hw.accelerator import AcceleratorConfig, Link
from sterna_hw.base import Device, Timing
from sterna_hw.beat import beat_count
from sterna_hw.frame_queue import FrameQueueConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.sliding_window import SlidingWindowConfig

from .cycles import Network, NetworkTimes, Port, simulate_network
from .folding import LayerFolding
from .ir import Graph, MatMul
from .mapping import MappedDesign, map_graph, queue_places
from .stream_builder import of_depth

__all__ = ["STANDSTILL", "QueueRuns", "interval_of"]

FRAMES = 6
"""Frames run through the cycle model; the interval is that of the last two."""

IMAGES = 4
"""Frames run where they are images: a frame is so long that its pace settles earlier."""

OUTPUT: Port = ("output_edge", "o")
"""Where frames leave."""

STANDSTILL = math.inf
"""The interval of a network that stops: some queue is full while another stays empty."""


def interval_of(
    accelerator: AcceleratorConfig, parts: Mapping[str, Timing], links: list[Link]
) -> float:
    """Cycles between the last output beats of the last two of `FRAMES` or `IMAGES` frames, or
    `STANDSTILL`."""
    return _interval(accelerator, _run(accelerator, parts, links))


def _run(
    accelerator: AcceleratorConfig,
    parts: Mapping[str, Timing],
    links: list[Link],
    ports: Iterable[Port] = (),
) -> NetworkTimes:
    beats = {("input_edge", "i"): accelerator.input_edge.beats * _frames(accelerator)}
    return simulate_network(Network(parts, links), beats, ports=[OUTPUT, *ports])


def _frames(accelerator: AcceleratorConfig) -> int:
    has_windows = any(isinstance(stage.part, SlidingWindowConfig) for stage in accelerator.stages)
    return IMAGES if has_windows else FRAMES


def _interval(accelerator: AcceleratorConfig, times: NetworkTimes) -> float:
    beats = accelerator.output_edge.beats
    given = times.transfers[OUTPUT]
    if len(given) < beats * _frames(accelerator):
        return STANDSTILL
    ends = given[beats - 1 :: beats]
    return int(ends[-1] - ends[-2])


@dataclass(frozen=True)
class QueueRuns:
    """A mapped network in which every queue is present, and how it runs with other depths."""

    mapped: MappedDesign
    device: Device
    intervals: dict[tuple[int, ...], float] = field(default_factory=dict)
    """By depths, what was found so far."""

    @classmethod
    def of(
        cls, graph: Graph, device: Device, foldings: Mapping[str, LayerFolding], reloadable: bool
    ) -> QueueRuns:
        """For a graph and its foldings."""
        every = dict.fromkeys(queue_places(graph), 1)
        mapped = map_graph(
            graph, device, foldings, reloadable=reloadable, contents=False, queues=every
        )
        return cls(mapped, device)

    @cached_property
    def network(self) -> tuple[dict[str, Timing], list[Link]]:
        return self.mapped.accelerator.network()

    @cached_property
    def queues(self) -> dict[str, FrameQueueConfig]:
        """By place, in the order of the graph."""
        parts = {stage.name: stage.part for stage in self.mapped.accelerator.stages}
        names = self.mapped.queues.items()
        return {place: cast(FrameQueueConfig, parts[name]) for name, place in names}

    def run(self, depths: Mapping[str, int], ports: Iterable[Port] = ()) -> NetworkTimes:
        parts, links = self.network
        parts, links = dict(parts), list(links)
        for name, place in self.mapped.queues.items():
            if depths[place]:
                part = of_depth(self.queues[place], depths[place], self.device)
                parts[name] = part.timing()
            else:
                links = _bypass(links, name)
                del parts[name]
        return _run(self.mapped.accelerator, parts, links, ports)

    def interval(self, depths: Mapping[str, int]) -> float:
        key = tuple(depths[place] for place in self.queues)
        if key not in self.intervals:
            self.intervals[key] = _interval(self.mapped.accelerator, self.run(depths))
        return self.intervals[key]

    def keeps(self, depths: Mapping[str, int], interval: float) -> bool:
        """Whether an interval is kept. A run is saved where it was in vain with more room: with
        room in the same places, since a queue that is not there has no latency either."""
        key = tuple(depths[place] for place in self.queues)
        for other, found in self.intervals.items():
            pairs = list(zip(key, other, strict=True))
            if found > interval and all(bool(a) == bool(b) and a <= b for a, b in pairs):
                return False
        return self.interval(depths) <= interval

    def ample(self) -> dict[str, int]:
        """Depths that nothing waits for: two vectors (rows of an image) in front of a layer, any
        number where branches meet; or as many beats as each then turns out to hold at most."""
        graph, accelerator = self.mapped.graph, self.mapped.accelerator
        layers = {op.name for op in graph.ops if isinstance(op, MatMul)}
        vectors = _vectors_behind(accelerator)
        depths: dict[str, int] = {}
        for name, place in self.mapped.queues.items():
            part = self.queues[place]
            beats = beat_count(part.elements, part.count)
            if place in layers:
                depths[place] = 2 * vectors[name] * beats
            else:
                join = graph.types[place.partition("[")[0]]
                depths[place] = join.vectors * beats * _frames(accelerator)
        if depths:
            ends = [(name, port) for name in self.mapped.queues for port in "io"]
            transfers = self.run(depths, ends).transfers
            for name, place in self.mapped.queues.items():
                held = _most_held(transfers[name, "i"], transfers[name, "o"])
                depths[place] = min(depths[place], held)
        return depths


def _most_held(entered: np.ndarray, left: np.ndarray) -> int:
    """The most beats inside at once, the one that enters counted while another leaves."""
    held = np.arange(1, len(entered) + 1) - np.searchsorted(left, entered, side="left")
    return int(held.max(initial=1))


def _vectors_behind(accelerator: AcceleratorConfig) -> dict[str, int]:
    """For each queue, the vectors of a row of the image if a window reads it, else one."""
    parts = {stage.name: stage.part for stage in accelerator.stages}
    readers = {producer: consumer for (producer, _), (consumer, _) in accelerator.all_links}
    found: dict[str, int] = {}
    for name, part in parts.items():
        if isinstance(part, FrameQueueConfig):
            behind = readers[name]
            while isinstance(parts.get(behind), GearboxConfig):
                behind = readers[behind]
            window = parts.get(behind)
            is_window = isinstance(window, SlidingWindowConfig)
            found[name] = window.columns.size if is_window else 1
    return found


def _bypass(links: list[Link], name: str) -> list[Link]:
    """The links with a part of one input and one output left out."""
    (before,) = [producer for producer, consumer in links if consumer == (name, "i")]
    (after,) = [consumer for producer, consumer in links if producer == (name, "o")]
    kept = [link for link in links if name not in (link[0][0], link[1][0])]
    return [*kept, (before, after)]
