"""Grows an accelerator stage by stage: what streams are like, and how they are made to fit.

The builder stands at the end of some stream and knows what it carries: elements of a vector, their
range, how many a beat, and which window they came out of, if any. A part is appended there, and in
front of it whatever makes the stream fit: a gearbox where beats have another size, a reframe where
vectors have another length, a queue where one is asked for. A stream with several readers is forked
into as many; parts that join branches take several streams. What operations become which parts is
told by `sterna.stage_builder`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sterna_hw.accelerator import Link
from sterna_hw.base import Device, IntegerRange
from sterna_hw.beat import beat_layout
from sterna_hw.fork import ForkConfig
from sterna_hw.frame_queue import FrameQueueConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.memory_sizing import size_for
from sterna_hw.reframe import ReframeConfig
from sterna_hw.sliding_window import SlidingWindowConfig
from sterna_hw.stage import PartConfig, Stage, port_shape

__all__ = ["StreamBuilder", "StreamEnd", "divisors", "identifier", "of_depth", "regrouping"]


def identifier(name: str) -> str:
    """A layer's name as an instance name."""
    return re.sub(r"\W", "_", name)


def regrouping(
    elements: int, values: IntegerRange, count: int, next_count: int
) -> GearboxConfig | None:
    """The gearbox between parts that give ``count`` and take ``next_count`` elements a beat; none
    where they agree."""
    return None if count == next_count else GearboxConfig(elements, values, count, next_count)


def divisors(number: int) -> list[int]:
    return [count for count in range(1, number + 1) if number % count == 0]


def of_depth(queue: FrameQueueConfig, rows: int, device: Device) -> FrameQueueConfig:
    """A queue with another number of rows, in the kind of memory that holds them best."""
    width = beat_layout(queue.input_range, queue.count).size
    style = size_for(device, rows, width, loaded=True).style
    return replace(queue, rows=rows, style="distributed" if style == "distributed" else "block")


@dataclass(frozen=True)
class StreamEnd:
    """An output stream that nothing reads yet, and what it carries."""

    stage: str
    port: str
    elements: int
    values: IntegerRange
    count: int
    window: SlidingWindowConfig | None = None


class StreamBuilder:
    """Stages, the links between them, and the stream at whose ``end`` the next one will be.

    ``queues`` says for which place each queue was asked for, by the queue's instance name.
    """

    def __init__(self, device: Device, count: int, values: IntegerRange, elements: int) -> None:
        self.device = device
        self.stages: list[Stage] = []
        self.links: list[Link] = []
        self.queues: dict[str, str] = {}
        self.end = StreamEnd("input_edge", "o", elements, values, count)
        edges = ("input_edge", "output_edge", "pixels", "image")
        self._taken = {*edges, *(f"{edge}_gearbox" for edge in edges), "control", "top"}

    @property
    def elements(self) -> int:
        """Elements of a vector where the builder stands."""
        return self.end.elements

    @property
    def values(self) -> IntegerRange:
        """Their range."""
        return self.end.values

    @property
    def count(self) -> int:
        """How many of them a beat carries."""
        return self.end.count

    def reserve(self, name: str) -> None:
        """Keeps a name, the top module's, from being an instance's."""
        self._taken.add(name)

    def free_name(self, layer: str) -> str:
        """An instance name for a layer that is not taken by another or by the top's own parts."""
        name, number = identifier(layer), 1
        while name in self._taken:
            number += 1
            name = f"{identifier(layer)}_{number}"
        self._taken |= {name, f"{name}_weights", f"{name}_gearbox", f"{name}_queue"}
        return name

    def append(
        self,
        name: str,
        part: PartConfig,
        weights: PartConfig | None = None,
        window: SlidingWindowConfig | None = None,
    ) -> None:
        """Adds a part with one input and one output at the end of the stream."""
        self._add(Stage(name, part, weights), [self.end])
        shape = port_shape(part, "o")
        self.end = StreamEnd(name, "o", shape.elements, shape.values, shape.count, window)

    def join(self, name: str, part: PartConfig, ends: Sequence[StreamEnd]) -> None:
        """Adds a part that reads several streams."""
        self._add(Stage(name, part), ends)
        shape = port_shape(part, "o")
        self.end = StreamEnd(name, "o", shape.elements, shape.values, shape.count)

    def fork(self, name: str, readers: int) -> list[StreamEnd]:
        """The end of the stream once for each reader."""
        if readers == 1:
            return [self.end]
        end, name = self.end, self.free_name(f"{name}.fork")
        stage = Stage(name, ForkConfig(end.elements, end.values, end.count, readers))
        self._add(stage, [end])
        return [replace(end, stage=name, port=port) for port in stage.outputs]

    def finish(self) -> None:
        """Links the output edge."""
        self.links.append(((self.end.stage, self.end.port), ("output_edge", "i")))

    def reframe(self, name: str, elements: int) -> None:
        """Vectors of another length, if they do not have it already."""
        if elements == self.end.elements:
            return
        short = min(elements, self.end.elements)
        self.regroup(f"{name}_gearbox", max(n for n in divisors(short) if n <= self.end.count))
        end = self.end
        self.append(name, ReframeConfig(end.elements, elements, end.values, end.count))

    def regroup(self, name: str, count: int) -> None:
        """A gearbox to ``count`` elements a beat, if they are not so many already."""
        end = self.end
        part = regrouping(end.elements, end.values, end.count, count)
        if part is not None:
            self.append(name, part, window=end.window)

    def add_queue(self, name: str, rows: int, place: str) -> None:
        """A queue of so many beats; none for 0."""
        if not rows:
            return
        end = self.end
        part = FrameQueueConfig(end.elements, end.values, end.count, rows, name)
        self.append(name, of_depth(part, rows, self.device), window=end.window)
        self.queues[name] = place

    def _add(self, stage: Stage, ends: Sequence[StreamEnd]) -> None:
        self.stages.append(stage)
        for end, port in zip(ends, stage.inputs, strict=True):
            self.links.append(((end.stage, end.port), (stage.name, port)))
