"""How deep the queues between layers must be: found by the exact cycle model, not by guess.

An engine gives its results in a burst and the next one takes them block by block, so without room
between them the faster one waits; a pooling gives its results in every other row; and where
branches meet, the short one has to hold whatever the long one delays, the rows in its windows
included, or nothing moves at all. The pace that a network can reach at most is its interval with
queues of two whole vectors everywhere (in front of a window of two rows of its image), and more
room than there are beats where branches meet. Then, in the order of the graph, each queue is made
as shallow as that interval allows, down to none at all, by bisection: more room never slows a
network down, since every start is a maximum of earlier times. The other queues keep the depth found
so far, and it goes on until the result is a set in which no single queue can be made shallower; it
need not be the set with the smallest sum.

Depths may be given instead, as a JSON file ``{"conv2": 12, "add[0]": 40}``: `check_queues` says in
one line which of them costs pace or stops the network for good.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
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

__all__ = ["STANDSTILL", "check_queues", "interval_of", "read_queues", "size_queues"]

FRAMES = 6
"""Frames run through the cycle model; the interval is that of the last two."""

IMAGES = 4
"""Frames run where they are images: a frame is so long that its pace settles earlier."""

MOST_ROWS = 1 << 20
"""Rows of a queue at most: no device has memory for more."""

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
class _Sizing:
    """A mapped network in which every queue is present, and how it runs with other depths."""

    mapped: MappedDesign
    device: Device
    intervals: dict[tuple[int, ...], float] = field(default_factory=dict)
    """By depths, what was found so far."""

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


def size_queues(
    graph: Graph, device: Device, foldings: Mapping[str, LayerFolding], reloadable: bool = False
) -> dict[str, int]:
    """Rows of each queue that is needed, by its place (`queue_places`)."""
    rows = _size(_sizing(graph, device, foldings, reloadable))
    return {place: depth for place, depth in rows.items() if depth}


def _size(sizing: _Sizing) -> dict[str, int]:
    rows = sizing.ample()
    best = sizing.interval(rows)
    _settle(sizing, rows, list(rows), best)
    shrinks = True
    while shrinks:
        # A queue that went away took its latency with it, so one before it may hold less now.
        shrinks = False
        for place, depth in rows.items():
            if depth and sizing.keeps({**rows, place: depth - 1}, best):
                rows[place] = _shallowest(sizing, rows, place, best, 0, depth - 1)
                shrinks = True
    return rows


def _settle(sizing: _Sizing, rows: dict[str, int], places: list[str], best: float) -> None:
    """Makes queues as shallow as an interval allows, in order. Most need not be there at all, which
    one run tells of many."""
    if sizing.keeps({**rows, **dict.fromkeys(places, 0)}, best):
        rows.update(dict.fromkeys(places, 0))
    elif len(places) > 1:
        half = len(places) // 2
        _settle(sizing, rows, places[:half], best)
        _settle(sizing, rows, places[half:], best)
    else:
        (place,) = places
        rows[place] = _shallowest(sizing, rows, place, best, 1, rows[place])


def read_queues(path: str | Path) -> dict[str, int]:
    """Rows by place from a JSON file.

    Raises
    ------
    ValueError
        If the file is not such JSON; the message names it.
    """
    try:
        record = json.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"Queue file {path} must be readable JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"Queue file {path} must map places to numbers of rows")
    return record


def check_queues(
    graph: Graph,
    device: Device,
    foldings: Mapping[str, LayerFolding],
    queues: Mapping[str, int],
    reloadable: bool = False,
) -> None:
    """Checks that given depths are enough for the pace that unlimited room would give.

    Raises
    ------
    ValueError
        If a depth is for no place or no depth, or too small: the message names the first place
        that has less than would do, and what would.
    """
    places = queue_places(graph)
    for place, depth in queues.items():
        if place not in places:
            raise ValueError(f"Place of a queue must be one of {places}, not {place!r}")
        if isinstance(depth, bool) or not isinstance(depth, int) or not 0 <= depth <= MOST_ROWS:
            raise ValueError(
                f"Rows of the queue of {place} must be 0 to {MOST_ROWS}, not {depth!r}"
            )
    sizing = _sizing(graph, device, foldings, reloadable)
    ample = sizing.ample()
    best = sizing.interval(ample)
    given = {place: queues.get(place, 0) for place in ample}
    found = sizing.interval(given)
    if found <= best:
        return
    rows = _size(sizing)
    effect = "stands still" if found == STANDSTILL else f"takes {found} cycles a frame"
    # Rows that are enough together: the first place that has fewer is named.
    place = next((place for place in rows if given[place] < rows[place]), None)
    if place is None:
        raise ValueError(f"Rows of queues must be {rows}, not {given}: the network {effect}")
    raise ValueError(
        f"Rows of the queue of {place} must be {rows[place]} or more for {best} cycles a frame, "
        f"not {given[place]}, with which the network {effect}"
    )


def _sizing(
    graph: Graph, device: Device, foldings: Mapping[str, LayerFolding], reloadable: bool
) -> _Sizing:
    every = dict.fromkeys(queue_places(graph), 1)
    mapped = map_graph(graph, device, foldings, reloadable=reloadable, contents=False, queues=every)
    return _Sizing(mapped, device)


def _shallowest(
    sizing: _Sizing, rows: Mapping[str, int], place: str, best: float, low: int, high: int
) -> int:
    """The fewest rows in one place, from ``low`` to ``high``, that keep an interval."""
    # Blocks of a network resemble each other: the depth of the place before is tried first.
    names = list(rows)
    before = next((rows[name] for name in reversed(names[: names.index(place)]) if rows[name]), 0)
    guesses = [before, before - 1]
    while low < high:
        middle = (low + high) // 2
        if guesses and low <= guesses[0] < high:
            middle = guesses.pop(0)
        if sizing.keeps({**rows, place: middle}, best):
            high = middle
        else:
            low, guesses = middle + 1, []
    return high


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
