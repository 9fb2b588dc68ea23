"""A queue of beats with a registered output: what breaks the ready path between two parts.

The oldest beat stands in an output register; beats behind it wait in a small memory. A beat that
arrives while nothing waits goes straight to the output register, so an empty queue delays by one
cycle only. Occupancy is kept as a counter with registered flags for "a beat is offered", "a beat
waits" and "there is room", so neither ``valid`` nor ``ready`` has logic in front of the pin, and a
full queue learns of a departure one cycle later.

Latency 1, one beat a cycle from two places on. It does not look into the payload.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Shape, ShapeLike, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Timing, queue
from .base.cost_table import logic
from .beat import beat_layout

__all__ = ["StreamBuffer", "StreamBufferConfig"]


@dataclass(frozen=True)
class StreamBufferConfig:
    """A queue of ``places`` payloads of any shape.

    Parameters
    ----------
    shape : shape-like
        Shape of the payload.
    places : :class:`int`
        How many beats are held at most; two or more sustain one beat a cycle.

    Raises
    ------
    ValueError
        If there is not at least one place.
    """

    shape: ShapeLike
    places: int = 2

    def __post_init__(self) -> None:
        if self.places < 1:
            raise ValueError(f"Places must be 1 or more, not {self.places!r}")

    @classmethod
    def of_beats(cls, values: IntegerRange, count: int, places: int = 2) -> StreamBufferConfig:
        """A queue of beats of ``count`` elements."""
        return cls(beat_layout(values, count), places)

    @property
    def payload_width(self) -> int:
        return Shape.cast(self.shape).width

    def compute(self, values: np.ndarray) -> np.ndarray:
        """What goes in comes out, in order."""
        return np.asarray(values, dtype=np.int64)

    def timing(self) -> Timing:
        return queue(1, self.places)

    def cost(self, device: Device) -> Cost:
        """Estimate: per bit a flip-flop, a multiplexer where beats wait, and what they wait in."""
        width, counter = self.payload_width, self.places.bit_length()
        if self.places == 1:
            return logic(device, "stream_register", ff=width, each=1)
        if self.places == 2:
            return logic(device, "stream_pair", ff=2 * width + counter + 3, bits=width, each=1)
        rows = 1 << (self.places - 2).bit_length()
        pointer = (rows - 1).bit_length()
        return logic(
            device,
            "stream_queue",
            lut=device.lutram_luts(width, rows),
            ff=width + counter + 3 + 2 * pointer,
            bits=width,
            joined_bits=width * device.lutram_joints(rows),
            counter_bits=counter,
            pointer_bits=pointer,
            each=1,
        )

    def create(self) -> StreamBuffer:
        return StreamBuffer(self)


class StreamBuffer(wiring.Component):
    """The queue.

    Attributes
    ----------
    i : stream of ``config.shape``, in
    o : stream of ``config.shape``, out
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: StreamBufferConfig) -> None:
        self.config = config
        signature = stream.Signature(config.shape)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        places = self.config.places
        # Everything below moves plain bits: arrays and structs are the business of the ends.
        arriving = Signal(self.config.payload_width)
        offered = Signal(self.config.payload_width, reset_less=True)
        occupancy = Signal(range(places + 1))
        valid, waiting = Signal(), Signal()
        ready = Signal(init=1)
        push, pop = Signal(), Signal()
        m.d.comb += [
            arriving.eq(Value.cast(self.i.payload)),
            Value.cast(self.o.payload).eq(offered),
            self.o.valid.eq(valid),
            self.i.ready.eq(ready),
            push.eq(self.i.valid & ready),
            pop.eq(valid & self.o.ready),
        ]

        # One adder for both directions; a single beat passing by changes nothing.
        with m.If(push ^ pop):
            m.d.sync += [
                occupancy.eq(occupancy + Mux(push, 1, -1)),
                valid.eq(push | waiting),
                waiting.eq(Mux(push, valid, waiting & (occupancy != 2))),
                ready.eq(pop | (occupancy != places - 1)),
            ]

        oldest = Signal.like(arriving)
        if places > 1:
            self._wait(m, arriving, oldest, push & valid & (waiting | ~self.o.ready), pop & waiting)
        with m.If(~valid | self.o.ready):
            m.d.sync += offered.eq(Mux(waiting, oldest, arriving) if places > 1 else arriving)
        return m

    def _wait(
        self, m: Module, arriving: Signal, oldest: Signal, store: Value, leave: Value
    ) -> None:
        """Where beats wait: one register, or a memory with a write and a read pointer."""
        if self.config.places == 2:
            with m.If(store):
                m.d.sync += oldest.eq(arriving)
            return
        rows = 1 << (self.config.places - 2).bit_length()
        m.submodules.storage = storage = memory.Memory(
            shape=len(arriving), depth=rows, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = storage.write_port(), storage.read_port(domain="comb")
        write_row, read_row = Signal(range(rows)), Signal(range(rows))
        m.d.comb += [
            write.addr.eq(write_row),
            write.data.eq(arriving),
            write.en.eq(store),
            read.addr.eq(read_row),
            oldest.eq(read.data),
        ]
        m.d.sync += [write_row.eq(write_row + store), read_row.eq(read_row + leave)]
