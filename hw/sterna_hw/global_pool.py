"""Global pooling: the sum, or the largest element, of each channel over all pixels of an image.

A running value for each channel is combined with each pixel as it comes; with the last pixel it
leaves. Channels come round in beats, so the values of the others wait in a line of memories whose
length is the round (see `delay_line`): no bank for each pixel, no address. An average is a sum
whose division is left to whatever requantises it.

Latency: two from a beat of the last pixel to its result. One beat a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_layout, beat_signature, shape_of
from .channels import ChannelConfig
from .credit import CreditQueueConfig, delay
from .delay_line import delay_line, delay_line_cost
from .loop import Loop, loops_cost
from .window_pool import PoolKind

__all__ = ["GlobalPool", "GlobalPoolConfig"]


@dataclass(frozen=True)
class GlobalPoolConfig(ChannelConfig):
    """Pooling of ``channels``, ``count`` a beat, over whole images.

    Parameters
    ----------
    pixels : :class:`int`
        Of an image.
    input_range : :class:`IntegerRange`
        Of an element.
    kind : ``"max"`` or ``"sum"``

    Raises
    ------
    ValueError
        If a number is not positive, or the kind is neither.
    """

    pixels: int
    input_range: IntegerRange
    kind: PoolKind = "sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pixels < 1:
            raise ValueError(f"Pixels must be 1 or more, not {self.pixels!r}")
        if self.kind not in ("max", "sum"):
            raise ValueError(f"Kind of pooling must be max or sum, not {self.kind!r}")

    @property
    def output_range(self) -> IntegerRange:
        return self.input_range if self.kind == "max" else self.input_range * self.pixels

    @property
    def queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(self.output_range, self.count), 1)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Vectors int64 ``(images, channels)`` of vectors of pixels, ``(images * pixels,
        channels)``."""
        pixels = np.asarray(frames, dtype=np.int64).reshape(-1, self.pixels, self.channels)
        return pixels.sum(axis=1) if self.kind == "sum" else pixels.max(axis=1)

    def timing(self) -> Timing:
        queue = self.queue
        latency = queue.latency + 1
        last = Step(take=("i", "places"), give=(("o", latency),), repeat=self.beats)
        steps = [last]
        if self.pixels > 1:
            steps.insert(0, Step(take=("i",), repeat=self.beats * (self.pixels - 1)))
        process = Process("combine", tuple(steps))
        return Timing(("i",), ("o",), (process,), {"places": queue.places}, {"o": "places"})

    def cost(self, device: Device) -> Cost:
        """Estimate: an adder or comparison a bit, the waiting values, counters, the queue."""
        bits = self.count * self.output_range.width
        total = self.queue.cost(device) + loops_cost(device, self.beats, firsts=(self.pixels,))
        part = "global_sum" if self.kind == "sum" else "global_max"
        total += logic(
            device,
            part,
            ff=bits + 2,
            bits=bits,
            signed_bits=bits * self.input_range.signed,
            value_bits=self.count * self.input_range.width,
            each=1,
        )
        if self.beats > 1:
            total += delay_line_cost(device, bits, self.beats - 1)
        return total

    def create(self) -> GlobalPool:
        return GlobalPool(self)


class GlobalPool(wiring.Component):
    """The part: streams ``i`` and ``o`` of beats of ``count`` elements."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: GlobalPoolConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(config.input_range, config.count)),
                "o": Out(beat_signature(config.output_range, config.count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        step = Signal()
        beat = Loop(m, config.beats, step, "beat")
        pixel = Loop(m, config.pixels, step & beat.is_last, "pixel")
        m.d.comb += [
            self.i.ready.eq(queue.available | ~pixel.is_last),
            step.eq(self.i.valid & self.i.ready),
            queue.take.eq(step & pixel.is_last),
            queue.push.eq(delay(m, queue.take, 1, reset_less=False)),
            queue.result.last.eq(delay(m, beat.is_last, 1)),
        ]
        shape = shape_of(config.output_range)
        totals = [
            Signal(shape, name=f"total{lane}", reset_less=True) for lane in range(config.count)
        ]
        for lane, (total, earlier) in enumerate(zip(totals, self._earlier(m, totals, step))):
            value = Value.cast(self.i.payload.data[lane])
            combined = earlier + value
            if config.kind == "max":
                combined = Mux(earlier > value, earlier, value)
            with m.If(step):
                m.d.sync += total.eq(Mux(pixel.is_first, value, combined))
            m.d.comb += queue.result.data[lane].eq(total)
        return m

    def _earlier(self, m: Module, totals: list[Signal], step: Value) -> list[Value]:
        """The values of this beat's channels so far."""
        if self.config.beats == 1:
            return list(totals)
        line = delay_line(m, Cat(totals), self.config.beats - 1, step, name="totals")
        width = len(totals[0])
        parts = [line[number * width :][:width] for number in range(len(totals))]
        return [part.as_signed() if totals[0].shape().signed else part for part in parts]
