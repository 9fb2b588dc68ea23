"""The scores of all tokens and heads, and the largest of each head.

Scores arrive in the order of the walk, P tokens at a time, and fill one wide memory row by row;
they are read in the same order, with the head's maximum beside them. Largest of P by a tree, a
register a level, then with the running maximum of the head in a small memory: read, compare, write,
so two scores of the same head must be three cycles apart or more, which the walk's least record
ensures.

A score that is read is there two cycles after its row is addressed. Tokens that are absent take
no part in maxima; port 0 is never absent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay
from ..memory import MemoryConfig, MemoryStyle
from .attention_command import index_shape
from .score_scale import SCORE

__all__ = ["READ_LATENCY", "ScoreStore", "ScoreStoreConfig"]

READ_LATENCY = 2


@dataclass(frozen=True)
class ScoreStoreConfig:
    """Room for ``slots`` times ``heads`` rows of ``ports`` scores."""

    ports: int
    heads: int
    slots: int
    style: MemoryStyle = "block"

    @property
    def memory(self) -> MemoryConfig:
        rows, width = self.heads * self.slots, self.ports * SCORE.width
        return MemoryConfig(
            "scores", rows, width, style=self.style, reloadable=True, read_latency=READ_LATENCY
        )

    @property
    def write_latency(self) -> int:
        """Cycles from a score to the maximum that knows it."""
        return (self.ports - 1).bit_length() + 2

    def compute(self, scores: np.ndarray) -> np.ndarray:
        """Maxima ``(heads,)`` of scores ``(tokens, heads)``."""
        return np.asarray(scores, dtype=np.int64).max(axis=0)

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, a comparison and a choice for each port."""
        return self.memory.cost(device) + Cost(lut=36 * self.ports + 40, ff=28 * self.ports + 60)

    def create(self) -> ScoreStore:
        return ScoreStore(self)


class ScoreStore(wiring.Component):
    """The store.

    Attributes
    ----------
    start : in
        The next scores belong to row 0.
    valid, scores, present : in
        Scores of P tokens, and which of them count.
    is_first_slot : in
        The head's maximum begins anew with these.
    row, head : in
        What to read.
    stored, maximum : out
        P scores of ``row`` and the maximum of ``head``, `READ_LATENCY` cycles later.
    """

    start: Signal
    valid: Signal
    scores: data.View
    present: Signal
    is_first_slot: Signal
    row: Signal
    head: Signal
    stored: data.View
    maximum: Signal

    def __init__(self, config: ScoreStoreConfig) -> None:
        self.config = config
        scores = data.ArrayLayout(signed(SCORE.width), config.ports)
        super().__init__(
            {
                "start": In(1),
                "valid": In(1),
                "scores": In(scores),
                "present": In(config.ports),
                "is_first_slot": In(1),
                "row": In(config.memory.address_width),
                "head": In(index_shape(config.heads)),
                "stored": Out(scores),
                "maximum": Out(signed(SCORE.width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.memory = rows = config.memory.create()
        m.d.comb += [
            rows.load.enable.eq(self.valid),
            rows.load.data.eq(self.scores.as_value()),
            rows.address.eq(self.row),
            self.stored.as_value().eq(rows.data),
        ]
        with m.If(self.start):
            m.d.sync += rows.load.address.eq(0)
        with m.Elif(self.valid):
            m.d.sync += rows.load.address.eq(rows.load.address + 1)
        self._maxima(m)
        return m

    def _maxima(self, m: Module) -> None:
        config = self.config
        best, levels = self._tree(m)
        valid = delay(m, self.valid, levels, reset_less=False)
        is_first = delay(m, self.is_first_slot, levels)
        m.submodules.maxima = maxima = memory.Memory(
            shape=signed(SCORE.width),
            depth=config.heads,
            init=[],
            attrs={"ram_style": "distributed"},
        )
        write = maxima.write_port()
        read_back, read = maxima.read_port(domain="comb"), maxima.read_port(domain="comb")
        head = Signal(index_shape(config.heads))
        with m.If(self.start):
            m.d.sync += head.eq(0)
        with m.Elif(valid):
            m.d.sync += head.eq(Mux(head == config.heads - 1, 0, head + 1))
        old = Signal(signed(SCORE.width), reset_less=True)
        m.d.comb += [read_back.addr.eq(head), read.addr.eq(self.head)]
        m.d.sync += old.eq(read_back.data)
        new = delay(m, best, 1)
        new_wins = Signal()
        m.d.comb += new_wins.eq(delay(m, is_first, 1) | (new > old))
        m.d.sync += [
            write.en.eq(delay(m, valid, 1, reset_less=False)),
            write.addr.eq(delay(m, head, 1)),
            write.data.eq(Mux(new_wins, new, old)),
        ]
        m.d.comb += self.maximum.eq(delay(m, read.data, READ_LATENCY))

    def _tree(self, m: Module) -> tuple[Value, int]:
        """The largest present score, a register a level; on each level the left neighbour is
        present if any of the two is, since absent tokens are the last ones."""
        nodes: list[tuple[Value, Value]] = [
            (self.scores[port], self.present[port]) for port in range(self.config.ports)
        ]
        levels = 0
        while len(nodes) > 1:
            merged: list[tuple[Value, Value]] = []
            for left in range(0, len(nodes), 2):
                value, present = nodes[left]
                if left + 1 < len(nodes):
                    other, other_present = nodes[left + 1]
                    value = Mux(other_present & (other > value), other, value)
                register = Signal(signed(SCORE.width), reset_less=True)
                m.d.sync += register.eq(value)
                merged.append((register, delay(m, present, 1)))
            nodes, levels = merged, levels + 1
        return nodes[0][0], levels
