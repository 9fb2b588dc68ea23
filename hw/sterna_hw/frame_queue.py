"""A deep queue between two layers, for beats that come in bursts and are wanted slowly.

A matrix engine gives all its results at the end of a frame, while the next engine takes them block
by block: without room between them each would wait for the other. Beats wait in a memory of
``rows`` rows, block or distributed, and leave through a short output queue with credits that hides
the memory's read latency. Two counters of credits, one of free rows and one of stored beats, are
all the control there is.

One beat a cycle; latency ``read_latency + 2``. How many rows are enough is found by the exact cycle
model (`sterna.queues`), not here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_layout, beat_signature
from .credit import CreditQueueConfig, delay
from .memory import MemoryConfig, MemoryStyle

__all__ = ["FrameQueue", "FrameQueueConfig"]


@dataclass(frozen=True)
class FrameQueueConfig:
    """A queue of ``rows`` beats and those in the output queue.

    Parameters
    ----------
    elements : :class:`int`
        Elements of a frame.
    input_range : :class:`IntegerRange`
        Of an element.
    count : :class:`int`
        Elements of a beat.
    rows : :class:`int`
        Beats that the memory holds.
    name : :class:`str`
        Name of the memory.
    style : ``"block"`` or ``"distributed"``
        Kind of the memory.

    Raises
    ------
    ValueError
        If a number is not positive.
    """

    elements: int
    input_range: IntegerRange
    count: int
    rows: int
    name: str = "frame_queue"
    style: MemoryStyle = "distributed"

    def __post_init__(self) -> None:
        for subject in ("elements", "count", "rows"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")

    @property
    def inputs(self) -> int:
        return self.elements

    @property
    def outputs(self) -> int:
        return self.elements

    @property
    def input_count(self) -> int:
        return self.count

    @property
    def output_count(self) -> int:
        return self.count

    @property
    def output_range(self) -> IntegerRange:
        return self.input_range

    @property
    def memory(self) -> MemoryConfig:
        width = beat_layout(self.input_range, self.count).size
        latency = 2 if self.style == "block" else 1
        return MemoryConfig(
            self.name, self.rows, width, None, self.style, reloadable=True, read_latency=latency
        )

    @property
    def queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(
            beat_layout(self.input_range, self.count), self.memory.read_latency
        )

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Frames pass unchanged."""
        return np.asarray(frames, dtype=np.int64)

    def timing(self) -> Timing:
        store = Step(take=("i", "rows"), give=(("stored", 1),))
        latency = self.queue.latency + 1
        fetch = Step(take=("stored", "places"), give=(("rows", 1), ("o", latency)))
        return Timing(
            ("i",),
            ("o",),
            (Process("store", (store,)), Process("fetch", (fetch,))),
            {"rows": self.rows, "places": self.queue.places},
            {"o": "places"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, the output queue, two pointers and two counters."""
        counter, pointer = (max(self.rows, 2) - 1).bit_length() + 1, (self.rows - 1).bit_length()
        registers = 2 * counter + 2 * pointer + self.memory.read_latency
        control = logic(device, "frame_queue", ff=registers, bits=counter + pointer, each=1)
        return self.memory.cost(device) + self.queue.cost(device) + control

    def create(self) -> FrameQueue:
        return FrameQueue(self)


class FrameQueue(wiring.Component):
    """The queue: streams ``i`` and ``o``."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: FrameQueueConfig) -> None:
        self.config = config
        signature = beat_signature(config.input_range, config.count)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows = self.config.rows
        m.submodules.memory = memory = self.config.memory.create()
        m.submodules.queue = queue = self.config.queue.create()
        store, fetch = Signal(), Signal()
        # Each counts one below what there is, so that its sign says whether there is any.
        free = Signal(range(-1, max(rows, 2)), init=rows - 1)
        stored = Signal(range(-1, max(rows, 2)), init=-1)
        m.d.comb += [
            self.i.ready.eq(~free[-1]),
            store.eq(self.i.valid & self.i.ready),
            fetch.eq(~stored[-1] & queue.available),
            queue.take.eq(fetch),
        ]
        with m.If(store ^ fetch):
            m.d.sync += free.eq(free + Mux(store, -1, 1))
            m.d.sync += stored.eq(stored + Mux(store, 1, -1))
        m.d.comb += [
            memory.load.enable.eq(store),
            memory.load.data.eq(Value.cast(self.i.payload)),
            memory.load.address.eq(self._pointer(m, store, "write_row")),
            memory.address.eq(self._pointer(m, fetch, "read_row")),
            queue.push.eq(delay(m, fetch, self.config.memory.read_latency, reset_less=False)),
            Value.cast(queue.result).eq(memory.data),
        ]
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return m

    def _pointer(self, m: Module, step: Value, name: str) -> Signal:
        """Walks round the rows, one for each ``step``."""
        rows = self.config.rows
        pointer = Signal(range(rows), name=name)
        with m.If(step):
            m.d.sync += pointer.eq(Mux(pointer == rows - 1, 0, pointer + 1))
        return pointer
