"""The output queue of a pipeline without enables, and the credits that keep it from overflowing.

A pipeline here has no clock enable: what enters it comes out a fixed number of cycles later,
whether or not anybody wants it. So a place in the queue at its end is reserved at its entrance:
work may enter only while ``available`` is high, ``take`` reserves one place, and a place becomes
free again in the cycle after a beat has left ``o``. A pipeline of L registers with its queue has a
latency of L + 1 and sustains one beat a cycle with L + 2 places.

The counter stands one below the number of free places, so its sign bit is ``available`` itself.
This part trusts its user: a result that was never taken for would overwrite the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, Timing, queue
from .base.cost_table import logic
from .stream_buffer import StreamBufferConfig
from .wide_buffer import WideBufferConfig

__all__ = ["CreditQueue", "CreditQueueConfig", "delay", "delay_cost", "flags_cost"]


@dataclass(frozen=True)
class CreditQueueConfig:
    """Queue behind a pipeline of ``latency`` registers.

    Parameters
    ----------
    shape : shape-like
        Shape of the payload.
    latency : :class:`int`
        Cycles from ``take`` to the ``push`` of that result; 0 or more.
    places : :class:`int`
        Results inside pipeline and queue at most; 0 (the default) means ``latency + 2``, the fewest
        that sustain one result a cycle.
    is_wide : :class:`bool`
        The queue is a `WideBuffer`, for results of hundreds of bits.

    Raises
    ------
    ValueError
        If latency or places are negative.
    """

    shape: ShapeLike
    latency: int
    places: int = 0
    is_wide: bool = False

    def __post_init__(self) -> None:
        if self.latency < 0:
            raise ValueError(f"Latency must be 0 or more, not {self.latency!r}")
        if self.places < 0:
            raise ValueError(f"Places must be 0 or more, not {self.places!r}")
        if self.places == 0:
            object.__setattr__(self, "places", self.latency + 2)

    @property
    def buffer(self) -> StreamBufferConfig | WideBufferConfig:
        """The queue itself."""
        kind = WideBufferConfig if self.is_wide else StreamBufferConfig
        return kind(self.shape, self.places)

    def compute(self, values: np.ndarray) -> np.ndarray:
        """Results pass unchanged, in order."""
        return np.asarray(values, dtype=np.int64)

    def timing(self) -> Timing:
        """Of the pipeline together with its queue."""
        return queue(self.latency + 1, self.places)

    def cost(self, device: Device) -> Cost:
        """Estimate: the counter and the queue itself."""
        width = (max(self.places, 2) - 1).bit_length() + 1
        return logic(device, "credit", ff=width, bits=width, each=1) + self.buffer.cost(device)

    def create(self) -> CreditQueue:
        return CreditQueue(self)


class CreditQueue(wiring.Component):
    """The queue and its counter.

    Attributes
    ----------
    available : out
        Whether a place can be reserved in this cycle (a register).
    take : in
        Reserves a place; only while ``available``.
    push : in
        ``result`` holds the result of the oldest reservation that has none yet.
    result : in, ``config.shape``
    o : stream of ``config.shape``, out
    """

    available: Signal
    take: Signal
    push: Signal
    result: Any
    o: stream.Interface

    def __init__(self, config: CreditQueueConfig) -> None:
        self.config = config
        super().__init__(
            {
                "available": Out(1),
                "take": In(1),
                "push": In(1),
                "result": In(config.shape),
                "o": Out(stream.Signature(config.shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        places = self.config.places
        m.submodules.buffer = buffer = self.config.buffer.create()
        # From -1 (nothing free) to places - 1 (all free).
        spare = Signal(range(-1, max(places, 2)), init=places - 1)
        give_back = Signal()
        m.d.comb += [
            self.available.eq(~spare[-1]),
            buffer.i.payload.eq(self.result),
            buffer.i.valid.eq(self.push),
            self.o.payload.eq(buffer.o.payload),
            self.o.valid.eq(buffer.o.valid),
            buffer.o.ready.eq(self.o.ready),
            give_back.eq(self.o.valid & self.o.ready),
        ]
        with m.If(self.take ^ give_back):
            m.d.sync += spare.eq(spare + Mux(give_back, 1, -1))
        return m


def delay(m: Module, value: Value, cycles: int, *, reset_less: bool = True) -> Value:
    """``value`` as it was ``cycles`` cycles ago, by a chain of registers.

    Data need no reset; flags that say whether data are there must be reset
    (``reset_less=False``).
    """
    for _ in range(cycles):
        register = Signal(value.shape(), reset_less=reset_less)
        m.d.sync += register.eq(value)
        value = register
    return value


def delay_cost(device: Device, bits: int, cycles: int) -> Cost:
    """Estimate of delaying so many bits: registers, or where there are any, shift registers of one
    look-up table each, which Yosys makes from three cycles on."""
    if device.family == "ecp5" or cycles < 3:
        return Cost(ff=bits * cycles)
    return Cost(lut=bits * -(-cycles // 32))


def flags_cost(device: Device, cycles: int) -> Cost:
    """Estimate of what goes beside a pipeline's data: whether there are any, which is reset and so
    no shift register, and whether they are the last of a frame."""
    return Cost(ff=cycles) + delay_cost(device, 1, cycles)
