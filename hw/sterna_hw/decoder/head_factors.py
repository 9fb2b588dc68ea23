"""The sum of weights of each head, and from it the factor of the head's results.

In the pass over the values each slot brings P weights p of every head; they are added to the head's
sum L in a small memory: read, add, write, so two slots of the same head must be three cycles apart
or more, which the walk's least record ensures. As soon as the last slot has reached a head, its L
goes to a serial divider, head after head, while the pass is still going on. Factors wait in a queue
with a place for each head, in order.

From the last slot's weights of a head to its factor: see `factor_cycles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay
from ..stream_buffer import StreamBufferConfig
from .attention_command import index_shape
from .reciprocal import CYCLES, FACTOR_WIDTH, ReciprocalConfig
from .token_weights import WEIGHT_WIDTH

__all__ = ["HeadFactors", "HeadFactorsConfig", "factor_layout"]

FACTOR_INTERVAL = CYCLES - 1
"""Cycles from one division to the next."""


def factor_layout() -> data.StructLayout:
    """A head's factor, and which of the two shifts belongs to it (see `reciprocal`)."""
    return data.StructLayout({"factor": FACTOR_WIDTH, "is_large": 1})


@dataclass(frozen=True)
class HeadFactorsConfig:
    """For ``heads`` heads, ``ports`` weights at once and sums over up to ``context`` tokens."""

    ports: int
    heads: int
    context: int

    @property
    def reciprocal(self) -> ReciprocalConfig:
        return ReciprocalConfig(65535 * self.context)

    @property
    def queue(self) -> StreamBufferConfig:
        return StreamBufferConfig(factor_layout(), self.heads)

    @property
    def tree_levels(self) -> int:
        return (self.ports - 1).bit_length()

    def factor_cycles(self, arrivals: Sequence[int]) -> list[int]:
        """Cycles in which factors are offered, for the cycles in which the last slot's weights of
        each head are ``valid``."""
        offered: list[int] = []
        free = 0
        for arrival in arrivals:
            start = max(arrival + self.tree_levels + 3, free)
            free = start + FACTOR_INTERVAL
            offered.append(start + CYCLES + 1)
        return offered

    def compute(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Factors and shift flags ``(heads,)`` of weights p ``(tokens, heads)``."""
        return self.reciprocal.compute(np.asarray(weights, dtype=np.int64).sum(axis=0))

    def cost(self, device: Device) -> Cost:
        """Estimate: a tree of additions, a memory with two read ports, divider and queue."""
        width = self.reciprocal.width
        adders = 18 * (self.ports - 1) + width
        memories = 2 * device.lutram_luts(width, self.heads)
        own = Cost(lut=adders + memories + 20, ff=adders + 2 * width + 20)
        return own + self.reciprocal.cost(device) + self.queue.cost(device)

    def create(self) -> HeadFactors:
        return HeadFactors(self)


class HeadFactors(wiring.Component):
    """The sums and the divider.

    Attributes
    ----------
    start : in
        A new pass begins with head 0; all factors of the one before have been taken.
    valid : in
        ``weights`` of the next head are there.
    weights : in, array of P
    is_first_slot, is_last_slot : in
    o : stream of `factor_layout`, out
    """

    start: Signal
    valid: Signal
    weights: data.View
    is_first_slot: Signal
    is_last_slot: Signal
    o: stream.Interface

    def __init__(self, config: HeadFactorsConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "valid": In(1),
                "weights": In(data.ArrayLayout(WEIGHT_WIDTH, config.ports)),
                "is_first_slot": In(1),
                "is_last_slot": In(1),
                "o": Out(stream.Signature(factor_layout())),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        heads, width = config.heads, config.reciprocal.width
        m.submodules.totals = totals = memory.Memory(
            shape=width, depth=heads, init=[], attrs={"ram_style": "distributed"}
        )
        write = totals.write_port()
        read_back, read = totals.read_port(domain="comb"), totals.read_port(domain="comb")

        levels = config.tree_levels
        added = self._tree(m)
        valid = delay(m, self.valid, levels, reset_less=False)
        is_first = delay(m, self.is_first_slot, levels)
        head = self._count(m, valid, "head")
        old = Signal(width, reset_less=True)
        m.d.comb += read_back.addr.eq(head)
        m.d.sync += old.eq(Mux(is_first, 0, read_back.data))
        m.d.sync += [
            write.en.eq(delay(m, valid, 1, reset_less=False)),
            write.addr.eq(delay(m, head, 1)),
            write.data.eq(old + delay(m, added, 1)),
        ]

        # How many heads wait for their division.
        is_final = delay(m, valid & delay(m, self.is_last_slot, levels), 2, reset_less=False)
        waiting = Signal(range(heads + 1))
        m.submodules.divider = divider = config.reciprocal.create()
        m.submodules.queue = queue = config.queue.create()
        m.d.comb += [
            divider.start.eq((waiting != 0) & ~divider.busy),
            divider.total.eq(read.data),
            queue.i.valid.eq(divider.done),
            queue.i.payload.factor.eq(divider.factor),
            queue.i.payload.is_large.eq(divider.is_large),
            read.addr.eq(self._count(m, divider.start, "divided")),
        ]
        m.d.sync += waiting.eq(waiting + is_final - divider.start)
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return m

    def _count(self, m: Module, step: Value, name: str) -> Signal:
        """A head's number, that goes round."""
        number = Signal(index_shape(self.config.heads), name=name)
        with m.If(self.start):
            m.d.sync += number.eq(0)
        with m.Elif(step):
            m.d.sync += number.eq(Mux(number == self.config.heads - 1, 0, number + 1))
        return number

    def _tree(self, m: Module) -> Value:
        """Sum of the P weights, a register a level."""
        nodes: list[Value] = [self.weights[port] for port in range(self.config.ports)]
        while len(nodes) > 1:
            pairs: list[Value] = []
            for left in range(0, len(nodes), 2):
                total = sum(nodes[left + 1 : left + 2], start=nodes[left])
                pairs.append(delay(m, total, 1))
            nodes = pairs
        return nodes[0]
