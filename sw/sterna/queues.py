"""How deep the queues between layers must be: found by the exact cycle model, not by guess.

An engine gives its results in a burst and the next one takes them block by block, so without room
between them the faster one waits; and a pooling gives its results in every other row. The pace that
a pipeline can reach at most is its interval with queues of two whole vectors everywhere, in front
of a window of two rows of its image. Then, from the first layer to the last, each queue is made as
shallow as that interval allows, down to none at all, by bisection: more room never slows a chain
down, since every start is a maximum of earlier times. The other queues keep the depth found so far,
so the result is a set in which no single queue can be made shallower; it need not be the set with
the smallest sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.base import Device, Timing
from sterna_hw.beat import beat_count
from sterna_hw.frame_queue import FrameQueueConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.sliding_window import SlidingWindowConfig

from .cycles import Link, Network, simulate_network
from .folding import Folding
from .ir import Graph
from .mapping import map_graph

__all__ = ["interval_of", "size_queues"]

FRAMES = 6
"""Frames run through the cycle model; the interval is that of the last two."""

IMAGES = 4
"""Frames run where they are images: a frame is so long that its pace settles earlier."""


def interval_of(
    accelerator: AcceleratorConfig, parts: Mapping[str, Timing], links: list[Link]
) -> int:
    """Cycles between the last output beats of the last two of `FRAMES` or `IMAGES` frames."""
    has_windows = any(isinstance(stage.part, SlidingWindowConfig) for stage in accelerator.stages)
    frames = IMAGES if has_windows else FRAMES
    beats = {("input_edge", "i"): accelerator.input_edge.beats * frames}
    times = simulate_network(Network(parts, links), beats).transfers["output_edge", "o"]
    ends = times[accelerator.output_edge.beats - 1 :: accelerator.output_edge.beats]
    return int(ends[-1] - ends[-2])


def size_queues(
    graph: Graph, device: Device, foldings: Mapping[str, Folding], reloadable: bool = False
) -> dict[str, int]:
    """Rows of the queue in front of each layer that needs one, by layer name."""
    ample = dict.fromkeys(list(foldings)[1:], 1)
    accelerator = map_graph(
        graph, device, foldings, reloadable=reloadable, contents=False, queues=ample
    ).accelerator
    parts, links = accelerator.network()
    queues = {
        stage.name: cast(FrameQueueConfig, stage.part)
        for stage in accelerator.stages
        if isinstance(stage.part, FrameQueueConfig)
    }
    vectors = _vectors_behind(accelerator)
    most = {
        name: 2 * vectors[name] * beat_count(part.elements, part.count)
        for name, part in queues.items()
    }
    rows = dict(most)

    def interval(depths: Mapping[str, int]) -> int:
        present, joined = dict(parts), list(links)
        for name, depth in depths.items():
            if depth:
                present[name] = replace(queues[name], rows=depth).timing()
            else:
                joined = _bypass(joined, name)
                del present[name]
        return interval_of(accelerator, present, joined)

    best = interval(rows)
    for name in queues:
        low, high = 0, rows[name]
        # Most often none is needed, which one run tells.
        if interval({**rows, name: 0}) <= best:
            high = 0
        else:
            low = 1
        while low < high:
            middle = (low + high) // 2
            if interval({**rows, name: middle}) <= best:
                high = middle
            else:
                low = middle + 1
        rows[name] = high
    layers = dict(zip(queues, ample, strict=True))
    return {layers[name]: depth for name, depth in rows.items() if depth}


def _vectors_behind(accelerator: AcceleratorConfig) -> dict[str, int]:
    """For each queue, the vectors of a row of the image if a window reads it, else one."""
    found: dict[str, int] = {}
    for stage, *behind in (accelerator.stages[n:] for n in range(len(accelerator.stages))):
        if isinstance(stage.part, FrameQueueConfig):
            parts = [other.part for other in behind if not isinstance(other.part, GearboxConfig)]
            window = parts[0] if parts else None
            is_window = isinstance(window, SlidingWindowConfig)
            found[stage.name] = window.columns.size if is_window else 1
    return found


def _bypass(links: list[Link], name: str) -> list[Link]:
    """The links with a part of one input and one output left out."""
    (before,) = [producer for producer, consumer in links if consumer == (name, "i")]
    (after,) = [consumer for producer, consumer in links if producer == (name, "o")]
    kept = [link for link in links if name not in (link[0][0], link[1][0])]
    return [*kept, (before, after)]
