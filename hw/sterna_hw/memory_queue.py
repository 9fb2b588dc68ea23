"""A queue in memory with credits and nothing around it: cheap where beats are wide.

Like `credit.CreditQueue` it ends a pipeline without enables: ``take`` reserves a place at the
pipeline's entrance, ``push`` brings the result. But a beat always goes through the memory, never
straight to the output register, so there is no multiplexer: a bit costs its share of a memory and a
flip-flop, at the price of one more cycle.

In distributed memory a beat is on ``o`` two cycles after its ``push``. A deep queue in block or
ultra memory has a short distributed one behind it, which hides the memory's read latency: five
cycles. One beat a cycle either way. Distributed, a place is free again in the cycle after its beat
has left; deep, in the cycle after it was fetched from the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, Shape, ShapeLike, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, Process, Step, Timing
from .base.cost_table import logic
from .credit import delay
from .memory import MemoryConfig, MemoryStyle

__all__ = ["MemoryQueue", "MemoryQueueConfig"]

READ_LATENCY = 2
SHORT_LATENCY = 2
SHORT_PLACES = READ_LATENCY + SHORT_LATENCY + 1
"""The fewest that fetch one beat a cycle."""


@dataclass(frozen=True)
class MemoryQueueConfig:
    """A queue of ``places`` beats of ``shape``.

    Parameters
    ----------
    shape : shape-like
        Shape of the payload.
    places : :class:`int`
        Beats that can be reserved at once.
    style : ``"distributed"``, ``"block"`` or ``"ultra"``
        Kind of the memory.
    name : :class:`str`
        Name of a deep queue's memory.

    Raises
    ------
    ValueError
        If there is no place, or the style is none of these.
    """

    shape: ShapeLike
    places: int
    style: MemoryStyle = "distributed"
    name: str = "memory_queue"

    def __post_init__(self) -> None:
        if self.places < 1:
            raise ValueError(f"Places must be 1 or more, not {self.places!r}")
        _ = self.memory  # it validates itself

    @property
    def is_deep(self) -> bool:
        return self.style != "distributed"

    @property
    def payload_width(self) -> int:
        return Shape.cast(self.shape).width

    @property
    def memory(self) -> MemoryConfig:
        """The memory of a deep queue."""
        width = self.payload_width
        return MemoryConfig(self.name, self.places, width, None, self.style, reloadable=True)

    @property
    def short(self) -> MemoryQueueConfig:
        """The queue behind the memory of a deep one."""
        return MemoryQueueConfig(self.shape, SHORT_PLACES)

    @property
    def latency(self) -> int:
        """Cycles from ``push`` to the beat on ``o``."""
        return SHORT_LATENCY + (READ_LATENCY + 1 if self.is_deep else 0)

    def compute(self, values: np.ndarray) -> np.ndarray:
        """What is pushed comes out, in order."""
        return np.asarray(values)

    def timing(self, steps: tuple[Step, ...] | None = None, pipeline: int = 0) -> Timing:
        """Of a pipeline of so many registers together with its queue.

        ``steps`` say how the beats of ``i`` become results: a step that takes a token of
        ``places`` makes one, and gives it here. None stands for one result from each beat.
        """
        taking = steps or (Step(take=("i", "places")),)

        def with_result(step: Step, channel: str, offset: int) -> Step:
            give = ((channel, offset),) * step.take.count("places")
            return Step(step.cycles, step.peek, step.take, (*step.give, *give), step.repeat)

        if not self.is_deep:
            offset = pipeline + self.latency
            process = Process("take", tuple(with_result(s, "o", offset) for s in taking))
            return Timing(("i",), ("o",), (process,), {"places": self.places}, {"o": "places"})
        store = tuple(with_result(s, "stored", pipeline + 1) for s in taking)
        offset = READ_LATENCY + SHORT_LATENCY
        fetch = Step(take=("stored", "short"), give=(("places", 1), ("o", offset)))
        return Timing(
            ("i",),
            ("o",),
            (Process("take", store), Process("fetch", (fetch,))),
            {"places": self.places, "short": SHORT_PLACES},
            {"o": "short"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, a register a bit, pointers and counters."""
        width, pointer = self.payload_width, (self.places - 1).bit_length()
        counter = (max(self.places, 2) - 1).bit_length() + 1
        walk = logic(
            device, "memory_queue", ff=2 * counter + 2 * pointer, bits=counter + pointer, each=1
        )
        if self.is_deep:
            fetch = Cost(ff=READ_LATENCY)
            return self.memory.cost(device) + self.short.cost(device) + walk + fetch
        return walk + logic(
            device,
            "memory_queue_short",
            lut=device.lutram_luts(width, self.places),
            ff=width + 1,
            joined_bits=width * device.lutram_joints(self.places),
            each=1,
        )

    def create(self) -> MemoryQueue:
        return MemoryQueue(self)


class MemoryQueue(wiring.Component):
    """The queue.

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

    def __init__(self, config: MemoryQueueConfig) -> None:
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
        spare = _counter(places, places)
        give_back = Signal()
        m.d.comb += self.available.eq(~spare[-1])
        with m.If(self.take ^ give_back):
            m.d.sync += spare.eq(spare + Mux(give_back, 1, -1))
        # Beats in the memory, one below their number: what the sign says is whether there is any.
        stored = _counter(places, 0)
        leave = Signal()
        with m.If(self.push ^ leave):
            m.d.sync += stored.eq(stored + Mux(self.push, 1, -1))
        write_row = self._pointer(m, self.push, "write_row")
        read_row = self._pointer(m, leave, "read_row")
        if self.config.is_deep:
            self._deep(m, write_row, read_row, leave, ~stored[-1])
            m.d.comb += give_back.eq(leave)
        else:
            self._short(m, write_row, read_row, leave, ~stored[-1])
            m.d.comb += give_back.eq(self.o.valid & self.o.ready)
        return m

    def _short(
        self, m: Module, write_row: Signal, read_row: Signal, leave: Signal, waits: Value
    ) -> None:
        width = self.config.payload_width
        rows = memory.Memory(
            shape=width, depth=self.config.places, init=[], attrs={"ram_style": "distributed"}
        )
        m.submodules.rows = rows
        write, read = rows.write_port(), rows.read_port(domain="comb")
        offered, valid = Signal(width, reset_less=True), Signal()
        moves = ~valid | self.o.ready
        m.d.comb += [
            write.addr.eq(write_row),
            write.data.eq(Value.cast(self.result)),
            write.en.eq(self.push),
            read.addr.eq(read_row),
            leave.eq(waits & moves),
            self.o.valid.eq(valid),
            Value.cast(self.o.payload).eq(offered),
        ]
        with m.If(moves):
            m.d.sync += [valid.eq(waits), offered.eq(read.data)]

    def _deep(
        self, m: Module, write_row: Signal, read_row: Signal, leave: Signal, waits: Value
    ) -> None:
        m.submodules.memory = rows = self.config.memory.create()
        m.submodules.short = short = self.config.short.create()
        m.d.comb += [
            rows.load.enable.eq(self.push),
            rows.load.address.eq(write_row),
            rows.load.data.eq(Value.cast(self.result)),
            rows.address.eq(read_row),
            leave.eq(waits & short.available),
            short.take.eq(leave),
            short.push.eq(delay(m, leave, READ_LATENCY, reset_less=False)),
            Value.cast(short.result).eq(rows.data),
        ]
        wiring.connect(m, wiring.flipped(self.o), short.o)

    def _pointer(self, m: Module, step: Value, name: str) -> Signal:
        """Walks round the rows, one for each ``step``."""
        rows = self.config.places
        pointer = Signal(range(rows), name=name)
        with m.If(step):
            m.d.sync += pointer.eq(Mux(pointer == rows - 1, 0, pointer + 1))
        return pointer


def _counter(most: int, start: int) -> Signal:
    """A counter from -1 (none) to ``most - 1``, whose sign bit says that there is none."""
    return Signal(range(-1, max(most, 2)), init=start - 1)
