"""A table of results: any function of one integer, exact.

Each lane has a memory with the result for every integer of the range, one element a lane and cycle.
Where channels have tables of their own, a lane's memory holds those of all channels that pass it,
one after the other, each rounded up to a power of two, so that the address is the beat's number in
front of the value's.

Latency: one for the address, that of the memory, and one. One beat a cycle. It cannot be reloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value

from .base import Cost, Device, IntegerRange, Timing
from .base.cost_table import logic
from .beat import beat_layout
from .channels import ChannelConfig, ChannelPart, close_pipeline, open_pipeline
from .credit import CreditQueueConfig, flags_cost
from .loop import loops_cost
from .memory import MemoryConfig, MemoryStyle

__all__ = ["Lookup", "LookupConfig"]


@dataclass(frozen=True)
class LookupConfig(ChannelConfig):
    """``y = table[c][x - low]`` with ``low`` the low end of the input range.

    Parameters
    ----------
    channels, count : :class:`int`
        Channels, fastest in the stream, and elements of a beat.
    input_range : :class:`IntegerRange`
        Of x.
    table : array of shape ``(1 or channels, size of the range)``
        Results; one row serves all channels.
    name : :class:`str`
        Names the memories.
    style : ``"block"`` or ``"distributed"``
        Their kind.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    input_range: IntegerRange
    table: Sequence[Sequence[int]] | np.ndarray = field(repr=False)
    name: str = "lookup"
    style: MemoryStyle = "distributed"

    def __post_init__(self) -> None:
        super().__post_init__()
        table = np.asarray(self.table, dtype=np.int64)
        entries = self.input_range.high - self.input_range.low + 1
        if table.ndim != 2 or len(table) not in (1, self.channels) or table.shape[1] != entries:
            raise ValueError(
                f"Table must have 1 or {self.channels} rows of {entries} entries, "
                f"not shape {table.shape}"
            )
        object.__setattr__(self, "table", tuple(map(tuple, table.tolist())))

    @property
    def output_range(self) -> IntegerRange:
        """Of the results, and of the zeros that pad a last beat."""
        values = IntegerRange.of_values(np.array(self.table))
        return values.with_zero() if self.is_padded else values

    @property
    def entry_bits(self) -> int:
        """Bits of a value's number in its range."""
        return (self.input_range.high - self.input_range.low).bit_length()

    def memory(self, lane: int) -> MemoryConfig:
        """The memory of a lane."""
        rows = np.array(self.table)
        if len(rows) > 1:
            rows = rows[self.channel_of_lanes()[:, lane]]
        padded = np.zeros((len(rows), 1 << self.entry_bits), dtype=np.int64)
        padded[:, : rows.shape[1]] = rows
        width = self.output_range.width
        return MemoryConfig(
            f"{self.name}_lane{lane}",
            padded.size,
            width,
            [int(value) for value in padded.ravel() & ((1 << width) - 1)],
            self.style,
            read_latency=2 if self.style == "block" else 1,
        )

    @property
    def queue(self) -> CreditQueueConfig:
        latency = 1 + (2 if self.style == "block" else 1)
        return CreditQueueConfig(beat_layout(self.output_range, self.count), latency)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Results, int64 of the same shape ``(frames, channels)``."""
        places = np.asarray(frames, dtype=np.int64) - self.input_range.low
        table = np.broadcast_to(np.array(self.table), (self.channels, len(self.table[0])))
        return table[np.arange(self.channels), places]

    def timing(self) -> Timing:
        return self.queue.timing()

    def cost(self, device: Device) -> Cost:
        """Estimate: a memory and an address register for each lane, the queue."""
        memory = self.memory(0)
        address = self.count * memory.address_width
        control = flags_cost(device, self.queue.latency) + loops_cost(device, self.beats)
        own = logic(device, "lookup", ff=address, entry_bits=self.count * self.entry_bits, each=1)
        return memory.cost(device) * self.count + self.queue.cost(device) + control + own

    def create(self) -> Lookup:
        return Lookup(self)


class Lookup(ChannelPart):
    """The part: streams ``i`` and ``o`` of beats of ``count`` elements."""

    def __init__(self, config: LookupConfig) -> None:
        self.config = config
        super().__init__(config.count, config.input_range, config.output_range)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        queue = config.queue.create()
        beat, is_last = open_pipeline(m, config, self, queue)
        results: list[Value] = []
        for lane in range(config.count):
            m.submodules[f"lane{lane}"] = memory = config.memory(lane).create()
            address = Signal(len(memory.address), name=f"address{lane}", reset_less=True)
            place = (self.i.payload.data[lane] - config.input_range.low)[: config.entry_bits]
            m.d.sync += address.eq(Cat(place, beat) if len(config.table) > 1 else place)
            m.d.comb += memory.address.eq(address)
            signed = config.output_range.signed
            results.append(memory.data.as_signed() if signed else memory.data)
        close_pipeline(m, config, queue, results, is_last)
        return m
