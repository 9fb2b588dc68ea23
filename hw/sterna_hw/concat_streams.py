"""Channels of several streams one behind the other: the vectors of all branches as one.

For each vector the beats of the first input pass, then those of the second, and so on; an input
that is not at its turn waits. Beats hold equally many elements everywhere, and every branch's
vector is a whole number of them, so nothing needs to be moved within a beat; gearboxes in front see
to that. Elements are extended to the width of the widest branch.

Latency 1, one beat a cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from amaranth.hdl import Module, Signal, Value

from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_layout
from .credit import CreditQueueConfig
from .join_streams import JoinStreams, branch_ports
from .loop import Loop, loops_cost
from .stage import PortShape

__all__ = ["ConcatStreams", "ConcatStreamsConfig"]


@dataclass(frozen=True)
class ConcatStreamsConfig:
    """Vectors of ``channels[k]`` elements in ``ranges[k]``, ``count`` a beat, one after the other.

    Raises
    ------
    ValueError
        If a number is not positive, a vector is no whole number of beats, or there are not as many
        ranges as vectors.
    """

    channels: tuple[int, ...]
    ranges: tuple[IntegerRange, ...]
    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"Count must be 1 or more, not {self.count!r}")
        if not self.channels or len(self.ranges) != len(self.channels):
            raise ValueError(f"Ranges must be one for each of {len(self.channels)} inputs")
        for channels in self.channels:
            if channels < 1 or channels % self.count:
                raise ValueError(
                    f"Channels of a branch must be a multiple of {self.count}, not {channels}"
                )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input ports."""
        return branch_ports(len(self.channels))

    @property
    def beats(self) -> tuple[int, ...]:
        """Beats of each branch's vector."""
        return tuple(channels // self.count for channels in self.channels)

    @property
    def output_range(self) -> IntegerRange:
        return reduce(IntegerRange.union, self.ranges)

    @property
    def port_shapes(self) -> Mapping[str, PortShape]:
        shapes = {
            port: PortShape(channels, values, self.count)
            for port, channels, values in zip(self.inputs, self.channels, self.ranges)
        }
        return {**shapes, "o": PortShape(sum(self.channels), self.output_range, self.count)}

    @property
    def queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(self.output_range, self.count), 0)

    def compute(self, *vectors: np.ndarray) -> np.ndarray:
        """Vectors, int64 ``(vectors, channels)``, of as many arrays as there are inputs."""
        return np.concatenate([np.asarray(x, dtype=np.int64) for x in vectors], axis=1)

    def timing(self) -> Timing:
        steps = tuple(
            Step(take=(port, "places"), give=(("o", self.queue.latency + 1),), repeat=beats)
            for port, beats in zip(self.inputs, self.beats)
        )
        return Timing(
            self.inputs,
            ("o",),
            (Process("concat", steps),),
            {"places": self.queue.places},
            {"o": "places"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: the queue, a multiplexer for each bit, a loop of beats and a flag a branch."""
        inputs = self._multiplexer_inputs
        own = logic(
            device,
            "concat",
            ff=len(self.channels),
            bits=self.count * len(inputs),
            # A look-up table chooses between two branches; each input more is more than its share.
            further_inputs=self.count * sum(max(number - 4, 0) for number in inputs),
            branches=len(self.channels),
        )
        return self.queue.cost(device) + loops_cost(device, *self.beats) + own

    @cached_property
    def _multiplexer_inputs(self) -> list[int]:
        """Inputs, flags included, of each multiplexer of an element.

        A branch of a later port goes before one of an earlier, so the flags of all from the first
        that has the bit are inputs; with each the bit, or the sign that stands for it. Those before
        it give signs or nothing. What is chosen of these is the same at all such places, so it is
        chosen once, and is one input more.
        """
        found: list[int] = []
        chosen_once: set[int] = set()
        for place in range(self.output_range.width):
            has_bit = [values.width > place for values in self.ranges]
            has_any = [own or values.signed for own, values in zip(has_bit, self.ranges)]
            first = has_bit.index(True) if any(has_bit) else len(has_bit)
            signs = sum(has_any[:first])
            found.append((signs > 0) + len(has_bit) - first + sum(has_any[first:]))
            if signs > 1 and first not in chosen_once:
                chosen_once.add(first)
                found.append(first + signs)
        return found

    def create(self) -> ConcatStreams:
        return ConcatStreams(self)


class ConcatStreams(JoinStreams):
    """The part: streams ``i0``, ``i1``, ..., in, and stream ``o``, out."""

    def __init__(self, config: ConcatStreamsConfig) -> None:
        self.config = config
        super().__init__(config)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        queue = self.add_queue(m)
        inputs = self.branches
        # Whose turn it is: one flag for each input, so that no number needs to be compared.
        turn = Signal(len(inputs), init=1)
        takes, ends = [], []
        for number, (port, beats) in enumerate(zip(inputs, config.beats)):
            take = Signal(name=f"take{number}")
            m.d.comb += [
                port.ready.eq(queue.available & turn[number]),
                take.eq(port.ready & port.valid),
            ]
            beat = Loop(m, beats, take, f"beat{number}")
            takes.append(take)
            ends.append(take & beat.is_last)
            with m.If(turn[number]):
                m.d.comb += queue.result.last.eq(beat.is_last if port is inputs[-1] else 0)
                for lane in range(config.count):
                    m.d.comb += queue.result.data[lane].eq(port.payload.data[lane])
        m.d.comb += [
            queue.take.eq(reduce(Value.__or__, takes)),
            queue.push.eq(queue.take),
        ]
        with m.If(reduce(Value.__or__, ends)):
            m.d.sync += turn.eq(turn.rotate_left(1))
        return m
