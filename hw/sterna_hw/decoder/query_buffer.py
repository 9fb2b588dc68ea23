"""The queries of all lanes, as words of 16 codes for the dot lanes.

Codes arrive V a beat, a lane's vector in order; 16 of them make a word, which goes to the next row
of the lane's part of one block memory. The vector of the head uses the same place. A word that is
addressed in cycle c is there in cycle c + 2.

It is always ready. A vector whose end does not fill a word is not foreseen: sizes are multiples
of 16. Writing a lane that is being read is the sender's mistake.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..memory import MemoryConfig
from .attention_command import index_shape, query_layout

__all__ = ["READ_LATENCY", "QueryBuffer", "QueryBufferConfig"]

READ_LATENCY = 2
"""Cycles from an address to its word."""


@dataclass(frozen=True)
class QueryBufferConfig:
    """A buffer for ``lanes`` vectors of up to ``words`` words, written ``count`` codes a beat."""

    lanes: int
    words: int
    count: int

    def __post_init__(self) -> None:
        if self.count not in (1, 2, 4, 8, 16):
            raise ValueError(f"Count must be 1, 2, 4, 8 or 16, not {self.count!r}")

    @property
    def memory(self) -> MemoryConfig:
        """One memory; a lane's part begins at a power of two."""
        rows = self.lanes << index_shape(self.words).width
        return MemoryConfig("queries", rows, 128, reloadable=True, read_latency=READ_LATENCY)

    def compute(self, vectors: np.ndarray) -> np.ndarray:
        """Words ``(vectors, words, 16)`` from codes ``(vectors, elements)``."""
        vectors = np.asarray(vectors, dtype=np.int64)
        return vectors.reshape(len(vectors), -1, 16)

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, registers in which a word gathers, counters."""
        return self.memory.cost(device) + Cost(lut=16, ff=128 + 24)

    def create(self) -> QueryBuffer:
        return QueryBuffer(self)


class QueryBuffer(wiring.Component):
    """The buffer.

    Attributes
    ----------
    i : stream of `query_layout`, in, always ready
    lane, row : in
        Which word to read.
    word : out
        128 bits, code 0 in the low ones, `READ_LATENCY` cycles later.
    """

    i: stream.Interface
    lane: Signal
    row: Signal
    word: Signal

    def __init__(self, config: QueryBufferConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(query_layout(config.lanes, config.count))),
                "lane": In(index_shape(config.lanes)),
                "row": In(index_shape(config.words)),
                "word": Out(128),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.memory = memory = config.memory.create()
        m.d.comb += [
            self.i.ready.eq(1),
            memory.address.eq(Cat(self.row, self.lane)),
            self.word.eq(memory.data),
        ]
        beats = 16 // config.count
        bits = 8 * config.count
        codes = Signal(bits)
        m.d.comb += codes.eq(Cat(self.i.payload.data))
        gathered = Signal(128, reset_less=True)
        place = Signal(range(max(2, beats)))
        row = Signal.like(self.row)
        is_full = place == beats - 1
        # The row and the lane of the word that is complete in the registers one cycle later.
        m.d.sync += memory.load.enable.eq(self.i.valid & is_full)
        with m.If(self.i.valid):
            m.d.sync += [
                gathered.eq(codes if beats == 1 else Cat(gathered[bits:], codes)),
                memory.load.address.eq(Cat(row, self.i.payload.lane)),
                place.eq(place + 1 if beats > 1 else 0),
            ]
            with m.If(self.i.payload.last):
                m.d.sync += [row.eq(0), place.eq(0)]
            with m.Elif(is_full):
                m.d.sync += row.eq(row + 1)
        m.d.comb += memory.load.data.eq(gathered)
        return m
