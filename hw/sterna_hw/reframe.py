"""Other vectors of the same elements: only the marks of their ends differ.

An image is one frame at the accelerator's edge, and a vector of channels for each pixel inside;
flattened, it is one frame again. The beats are the same, as long as no beat holds elements of two
vectors or has places left over, which the configuration requires; this part counts beats and sets
``last`` anew. It moves nothing else.

Latency 1, one beat a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Timing
from .beat import beat_layout, beat_signature
from .credit import CreditQueueConfig
from .loop import Loop, loops_cost

__all__ = ["Reframe", "ReframeConfig"]


@dataclass(frozen=True)
class ReframeConfig:
    """From vectors of ``inputs`` to vectors of ``outputs`` elements, ``count`` a beat.

    Raises
    ------
    ValueError
        If a number is not positive, one of the lengths is no multiple of the other, or the shorter
        one no multiple of a beat.
    """

    inputs: int
    outputs: int
    input_range: IntegerRange
    count: int

    def __post_init__(self) -> None:
        for subject in ("inputs", "outputs", "count"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        short, long = sorted((self.inputs, self.outputs))
        if long % short:
            raise ValueError(f"Longer vectors must be a multiple of {short} elements, not {long}")
        if short % self.count:
            raise ValueError(f"Shorter vectors must be a multiple of {self.count}, not {short}")

    @property
    def output_range(self) -> IntegerRange:
        return self.input_range

    @property
    def input_count(self) -> int:
        return self.count

    @property
    def output_count(self) -> int:
        return self.count

    @property
    def queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(self.input_range, self.count), 0)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Vectors int64 ``(n, inputs)`` as ``(m, outputs)``."""
        return np.asarray(frames, dtype=np.int64).reshape(-1, self.outputs)

    def timing(self) -> Timing:
        return self.queue.timing()

    def cost(self, device: Device) -> Cost:
        """Estimate: the queue and a counter of beats."""
        loop = loops_cost(device, self.outputs // self.count)
        return self.queue.cost(device) + loop

    def create(self) -> Reframe:
        return Reframe(self)


class Reframe(wiring.Component):
    """The part: streams ``i`` and ``o``."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: ReframeConfig) -> None:
        self.config = config
        signature = beat_signature(config.input_range, config.count)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        beat = Loop(m, config.outputs // config.count, queue.take, "beat")
        m.d.comb += [
            self.i.ready.eq(queue.available),
            queue.take.eq(queue.available & self.i.valid),
            queue.push.eq(queue.take),
            queue.result.data.eq(self.i.payload.data),
            queue.result.last.eq(beat.is_last),
        ]
        return m
