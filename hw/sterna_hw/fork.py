"""One stream for several readers: each gets every beat, exactly once, at its own pace.

Each output has a short queue of its own. A beat is taken when every queue has a free place, and
goes into all of them at once; readers then take theirs whenever they like, up to two beats apart. A
reader that needs to lag further behind, such as the identity branch of a residual block, has a deep
queue of its own behind its output (`frame_queue`); how deep is found by the exact cycle model.

Latency 1, one beat a cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_layout, beat_signature
from .credit import CreditQueueConfig
from .stage import PortShape

__all__ = ["Fork", "ForkConfig"]


@dataclass(frozen=True)
class ForkConfig:
    """Frames of ``elements``, ``count`` a beat, for so many ``readers``.

    Raises
    ------
    ValueError
        If a number is not positive.
    """

    elements: int
    input_range: IntegerRange
    count: int
    readers: int

    def __post_init__(self) -> None:
        for subject in ("elements", "count", "readers"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the output ports."""
        return tuple(f"o{reader}" for reader in range(self.readers))

    @property
    def port_shapes(self) -> Mapping[str, PortShape]:
        shape = PortShape(self.elements, self.input_range, self.count)
        return dict.fromkeys(("i", *self.outputs), shape)

    @property
    def queue(self) -> CreditQueueConfig:
        """Of one output."""
        return CreditQueueConfig(beat_layout(self.input_range, self.count), 0)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """What each output gives: the frames unchanged."""
        return np.asarray(frames, dtype=np.int64)

    def timing(self) -> Timing:
        places = {port: f"places_{port}" for port in self.outputs}
        step = Step(
            take=("i", *places.values()),
            give=tuple((port, self.queue.latency + 1) for port in self.outputs),
        )
        return Timing(
            ("i",),
            self.outputs,
            (Process("copy", (step,)),),
            dict.fromkeys(places.values(), self.queue.places),
            places,
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: a queue for each output, and the wait for all of them."""
        own = logic(device, "fork", readers=self.readers, crossings=self.readers**2)
        return self.queue.cost(device) * self.readers + own

    def create(self) -> Fork:
        return Fork(self)


class Fork(wiring.Component):
    """The part: stream ``i``, in, and streams ``o0``, ``o1``, ..., out."""

    i: stream.Interface

    def __init__(self, config: ForkConfig) -> None:
        self.config = config
        signature = beat_signature(config.input_range, config.count)
        super().__init__({"i": In(signature), **{port: Out(signature) for port in config.outputs}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ready = self.i.ready
        available = []
        for port in self.config.outputs:
            m.submodules[f"queue_{port}"] = queue = self.config.queue.create()
            wiring.connect(m, wiring.flipped(getattr(self, port)), queue.o)
            available.append(queue.available)
            m.d.comb += [
                queue.take.eq(ready & self.i.valid),
                queue.push.eq(queue.take),
                queue.result.eq(self.i.payload),
            ]
        every = available[0]
        for one in available[1:]:
            every = every & one
        m.d.comb += ready.eq(every)
        return m
