"""A queue for beats of hundreds of bits: no net of it depends on ``ready`` and fans out wide.

`StreamBuffer` holds the oldest beat in an output register, whose enable depends on ``ready`` of the
consumer: with hundreds of flip-flops behind it that enable is the slowest net of a design. Here
every beat is written into a small memory as it arrives, and the oldest one is on the output because
the read address, a register of a few bits, points at it. The memory has one row more than there are
places, so it can write in every cycle: what is not a beat is written over. So ``valid`` and
``ready`` reach a few bits of pointer and occupancy only, and the payload comes out of one look-up
table behind a register: a consumer should register it, or do little with it.

Latency 1, one beat a cycle: the cycles of a `StreamBuffer` with as many places. It needs
distributed memory with an asynchronous read port, and two places at least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Shape, ShapeLike, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, Timing, queue
from .base.cost_table import logic

__all__ = ["WideBuffer", "WideBufferConfig"]


@dataclass(frozen=True)
class WideBufferConfig:
    """A queue of ``places`` payloads of any shape.

    Parameters
    ----------
    shape : shape-like
        Shape of the payload.
    places : :class:`int`
        How many beats are held at most.

    Raises
    ------
    ValueError
        If there are not at least two places.
    """

    shape: ShapeLike
    places: int = 2

    def __post_init__(self) -> None:
        if self.places < 2:
            raise ValueError(f"Places must be 2 or more, not {self.places!r}")

    @property
    def rows(self) -> int:
        """Rows of the memory, more than there are places: a power of two, so that its pointers
        wrap by themselves."""
        return 1 << self.places.bit_length()

    def compute(self, values: np.ndarray) -> np.ndarray:
        """What goes in comes out, in order."""
        return np.asarray(values, dtype=np.int64)

    def timing(self) -> Timing:
        return queue(1, self.places)

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, where more than one primitive deep a multiplexer, the pointers."""
        width = Shape.cast(self.shape).width
        counter, pointer = self.places.bit_length(), (self.rows - 1).bit_length()
        return logic(
            device,
            "wide_buffer",
            lut=device.lutram_luts(width, self.rows),
            ff=2 + counter + 2 * pointer,
            joined_bits=width * device.lutram_joints(self.rows),
            counter_bits=counter,
            each=1,
        )

    def create(self) -> WideBuffer:
        return WideBuffer(self)


class WideBuffer(wiring.Component):
    """The queue.

    Attributes
    ----------
    i : stream of ``config.shape``, in
    o : stream of ``config.shape``, out
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: WideBufferConfig) -> None:
        self.config = config
        signature = stream.Signature(config.shape)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        places, rows = self.config.places, self.config.rows
        occupancy = Signal(range(places + 1))
        valid, ready = Signal(), Signal(init=1)
        push, pop = Signal(), Signal()
        m.d.comb += [
            self.o.valid.eq(valid),
            self.i.ready.eq(ready),
            push.eq(self.i.valid & ready),
            pop.eq(valid & self.o.ready),
        ]
        with m.If(push ^ pop):
            m.d.sync += [
                occupancy.eq(occupancy + Mux(push, 1, -1)),
                valid.eq(push | (occupancy != 1)),
                ready.eq(pop | (occupancy != places - 1)),
            ]

        m.submodules.storage = storage = memory.Memory(
            shape=Shape.cast(self.config.shape).width,
            depth=rows,
            init=[],
            attrs={"ram_style": "distributed"},
        )
        write, read = storage.write_port(), storage.read_port(domain="comb")
        write_row, read_row = Signal(range(rows)), Signal(range(rows))
        m.d.comb += [
            write.addr.eq(write_row),
            write.data.eq(Value.cast(self.i.payload)),
            write.en.eq(1),
            read.addr.eq(read_row),
            Value.cast(self.o.payload).eq(read.data),
        ]
        m.d.sync += [write_row.eq(write_row + push), read_row.eq(read_row + pop)]
        return m
