"""Plays the rows of a memory as an endless stream: the weights of a layer, over and over.

A pointer walks through the rows and wraps; reads run ahead of the consumer, as many as fit in the
queue behind the memory, so the memory's latency is hidden and a row leaves every cycle. The last
row of a pass carries ``last``. When the memory is reloadable, rows are written through ``load``
while nobody consumes; ``restart`` then drops everything read ahead and starts again at row 0, so
that the next pass is wholly the new one.

The row's address has a register of its own in front of the memory, since many blocks of a wide
memory, far apart, listen to it.

First row ``read_latency + 2`` cycles after reset or restart, then one a cycle. Any order of rows is
the packer's business (the engine's ``pack``); which memory to use is `memory_sizing`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .banked_memory import BankedMemoryConfig
from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_layout, beat_signature
from .credit import CreditQueueConfig, delay, flags_cost
from .memory import MemoryConfig, MemoryStyle, load_signature, lut_memory_cost, pack_words

__all__ = ["WeightBuffer", "WeightBufferConfig"]


@dataclass(frozen=True)
class WeightBufferConfig:
    """A buffer of ``row_count`` rows of ``count`` elements.

    Parameters
    ----------
    name : :class:`str`
        Names the file of the contents.
    row_count : :class:`int`
        Rows of one pass.
    element_range : :class:`~sterna_hw.base.IntegerRange`
        Range of an element of a row, for example 0 to 26 for indices of ternary groups of three.
    count : :class:`int`
        Elements of a row; one row is one beat.
    words : sequence of :class:`int`, or None
        Contents as `pack` makes them; None when they are loaded after start.
    style, read_latency, reloadable
        Of the memory, see `MemoryConfig`.
    bank_depth : :class:`int`, optional
        Rows of a bank, where the memory is to be cut into such; see `BankedMemoryConfig`.

    Raises
    ------
    ValueError
        If a count is not positive, or the contents do not fit (see `MemoryConfig`).
    """

    name: str
    row_count: int
    element_range: IntegerRange
    count: int
    words: Sequence[int] | None = field(default=None, repr=False)
    style: MemoryStyle = "block"
    reloadable: bool = False
    read_latency: int = 2
    bank_depth: int | None = None

    def __post_init__(self) -> None:
        for subject in ("row_count", "count"):
            value = getattr(self, subject)
            if value < 1:
                name = subject.capitalize().replace("_", " ")
                raise ValueError(f"{name} must be 1 or more, not {value!r}")
        if self.words is not None:
            object.__setattr__(self, "words", tuple(map(int, self.words)))
        _ = self.memory  # it checks its own fields

    @property
    def row_width(self) -> int:
        """Bits of a row."""
        return self.count * self.element_range.width

    @property
    def memory(self) -> MemoryConfig | BankedMemoryConfig:
        fields = (
            self.name,
            self.row_count,
            self.row_width,
            self.words,
            self.style,
            self.reloadable,
            self.read_latency,
        )
        if self.bank_depth is None:
            return MemoryConfig(*fields)
        return BankedMemoryConfig(*fields, self.bank_depth)

    @property
    def queue(self) -> CreditQueueConfig:
        """The queue of rows that were read ahead; a row arrives after its address and the read."""
        layout = beat_layout(self.element_range, self.count)
        return CreditQueueConfig(layout, self.read_latency + 1, is_wide=True)

    def pack(self, rows: np.ndarray) -> tuple[int, ...]:
        """Row words from elements of shape ``(row_count, count)``.

        Raises
        ------
        ValueError
            If the shape is another, or an element is outside ``element_range``.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if rows.shape != (self.row_count, self.count):
            raise ValueError(
                f"Rows of {self.name} must have shape {(self.row_count, self.count)}, "
                f"not {rows.shape}"
            )
        if not self.element_range.contains(rows):
            stray = rows[(rows < self.element_range.low) | (rows > self.element_range.high)].flat[0]
            raise ValueError(
                f"Elements of {self.name} must be within {self.element_range}, not {stray}"
            )
        return pack_words(rows, self.element_range.width)

    def compute(self, passes: int) -> np.ndarray:
        """The elements of so many passes, int64 of shape ``(passes * row_count, count)``."""
        width, rows = self.element_range.width, self.words or (0,) * self.row_count
        mask, sign = (1 << width) - 1, self.element_range.signed << (width - 1)
        elements = [
            [(((word >> (width * place)) & mask) ^ sign) - sign for place in range(self.count)]
            for word in rows
        ]
        return np.tile(np.array(elements, dtype=np.int64), (passes, 1))

    def timing(self) -> Timing:
        queue = self.queue
        step = Step(take=("places",), give=(("o", queue.latency + 1),))
        return Timing(
            (), ("o",), (Process("read", (step,)),), {"places": queue.places}, {"o": "places"}
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, the queue, the row pointer with its copy, and two flags that go
        with the row."""
        pointer, width = self.memory.address_width, self.row_width
        memory = self.memory.cost(device)
        if self.style == "distributed" and not self.reloadable:
            # Whatever the weights are: a plan is made before they are packed.
            memory = lut_memory_cost(device, self.row_count, width, width, self.read_latency)
        return (
            memory
            + self.queue.cost(device)
            + flags_cost(device, self.queue.latency)
            + logic(device, "weight_buffer", ff=2 * pointer + 1, pointer_bits=pointer, each=1)
        )

    def create(self) -> WeightBuffer:
        return WeightBuffer(self)


class WeightBuffer(wiring.Component):
    """The buffer.

    Attributes
    ----------
    o : stream of beats of ``count`` elements, out
    restart : in
        Drops what is offered or read ahead, from the next cycle on, and goes back to row 0. This
        one breaks the rule that an offered beat stays: it is for times when nobody listens.
    load : in, see `load_signature`; only when reloadable
    """

    o: stream.Interface
    restart: Signal
    load: Any

    def __init__(self, config: WeightBufferConfig) -> None:
        self.config = config
        members = {
            "o": Out(beat_signature(config.element_range, config.count)),
            "restart": In(1),
        }
        if config.reloadable:
            members["load"] = In(load_signature(config.row_count, config.row_width))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.memory = memory = config.memory.create()
        m.submodules.reader = reader = ResetInserter(self.restart)(_Reader(config))
        m.d.comb += [
            memory.address.eq(reader.address),
            reader.row.eq(memory.data),
        ]
        wiring.connect(m, wiring.flipped(self.o), reader.o)
        if config.reloadable:
            wiring.connect(m, wiring.flipped(self.load), memory.load)
        return m


class _Reader(wiring.Component):
    """Pointer and queue: all that a restart resets."""

    address: Signal
    row: Signal
    o: stream.Interface

    def __init__(self, config: WeightBufferConfig) -> None:
        self.config = config
        super().__init__(
            {
                "address": Out(config.memory.address_width),
                "row": In(config.row_width),
                "o": Out(beat_signature(config.element_range, config.count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        pointer = Signal(config.memory.address_width)
        # Whether the pointer stands at the last row is kept in a register of its own.
        is_last = Signal(init=config.row_count == 1)
        with m.If(queue.available):
            m.d.sync += pointer.eq(Mux(is_last, 0, pointer + 1))
            if config.row_count > 1:
                m.d.sync += is_last.eq(pointer == config.row_count - 2)
        m.d.sync += self.address.eq(pointer)
        latency = config.queue.latency
        m.d.comb += [
            queue.take.eq(queue.available),
            queue.push.eq(delay(m, queue.take, latency, reset_less=False)),
            queue.result.last.eq(delay(m, is_last, latency)),
            Value.cast(queue.result.data).eq(self.row),
        ]
        return m
