"""The results of all heads: sums times the factor of their head, rounded, V elements a beat.

Sums are read in order, 16 at a time, and leave V a beat. A product of sum and factor is two
multiplications, of the sum's low 17 bits and of the rest; half of the last place is added to the
low one, whose bits above the 17th go on into the high one. One of two shifts follows.

Reads are issued as long as the queue behind has places and the head's factor is there.
`LATENCY` + 1 cycles from a read to its beat; a beat a cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, IntegerRange
from ..beat import beat_layout, beat_signature
from ..credit import CreditQueueConfig, delay
from ..loop import Loop
from .attention_command import index_shape
from .head_factors import factor_layout
from .reciprocal import FACTOR_WIDTH, SHIFTS
from .value_sum import READ_LATENCY

__all__ = ["RESULT", "HeadResults", "HeadResultsConfig"]

RESULT = IntegerRange.of_width(24, signed=True)
PIECE_WIDTH = 17
LATENCY = READ_LATENCY + 5
"""Cycles from a read to the push of its beat into the queue."""


@dataclass(frozen=True)
class HeadResultsConfig:
    """Results of ``heads`` heads of ``head_words`` times 16 sums in ``sum_range``, V a beat."""

    heads: int
    head_words: int
    count: int
    sum_range: IntegerRange

    @property
    def queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(RESULT, self.count), LATENCY)

    @property
    def head_beats(self) -> int:
        """Beats of one head."""
        return self.head_words * 16 // self.count

    def beat_cycles(self, start: int, factors: Sequence[int]) -> list[int]:
        """Cycles in which the beats leave, taken at once, for the cycle of ``start`` and those in
        which the factors are offered."""
        leaves: list[int] = []
        cycle = start + 1
        for offered in factors:
            cycle = max(cycle, offered)
            leaves += [beat + LATENCY + 1 for beat in range(cycle, cycle + self.head_beats)]
            cycle += self.head_beats
        return leaves

    def compute(self, sums: np.ndarray, factors: np.ndarray, are_large: np.ndarray) -> np.ndarray:
        """Results ``(heads, elements)`` of sums of that shape."""
        sums = np.asarray(sums, dtype=np.int64)
        factors = np.asarray(factors, dtype=np.int64)[:, np.newaxis]
        shift = np.where(np.asarray(are_large), SHIFTS[1], SHIFTS[0])[:, np.newaxis]
        low = (sums & ((1 << PIECE_WIDTH) - 1)) * factors + (1 << (shift - 1))
        high = (sums >> PIECE_WIDTH) * factors + (low >> PIECE_WIDTH)
        return high >> (shift - PIECE_WIDTH)

    def cost(self, device: Device) -> Cost:
        """Estimate: two multipliers and additions an element, choices in front and behind, and the
        queue."""
        choice = self.sum_range.width * (16 // self.count - 1) / 2
        high = self.sum_range.width - PIECE_WIDTH
        widths = PIECE_WIDTH + FACTOR_WIDTH, high + FACTOR_WIDTH
        registers = self.sum_range.width + high + 24 + 2 * sum(widths)
        element = Cost(lut=choice + 24 + sum(widths), ff=registers, dsp=2)
        return element * self.count + self.queue.cost(device) + Cost(lut=40, ff=3 * 25)

    def create(self) -> HeadResults:
        return HeadResults(self)


class HeadResults(wiring.Component):
    """The multipliers.

    Attributes
    ----------
    start : in
        All sums are there: send the results of all heads.
    factors : stream of `factor_layout`, in
        One a head.
    row : out
        Sums to be read.
    sums : in, array of 16, `READ_LATENCY` cycles later
    o : stream of beats of V results, out
    """

    start: Signal
    factors: stream.Interface
    row: Signal
    sums: data.View
    o: stream.Interface

    def __init__(self, config: HeadResultsConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "factors": In(stream.Signature(factor_layout())),
                "row": Out(index_shape(config.heads * config.head_words)),
                "sums": In(data.ArrayLayout(signed(config.sum_range.width), 16)),
                "o": Out(beat_signature(RESULT, config.count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        active, issue, head_ends, all_ends = Signal(), Signal(), Signal(), Signal()
        m.d.comb += issue.eq(active & self.factors.valid & queue.available)
        part = Loop(m, 16 // config.count, issue, "part")
        word = Loop(m, config.head_words, issue & part.is_last, "word")
        m.d.comb += [
            head_ends.eq(part.is_last & word.is_last),
            self.factors.ready.eq(active & queue.available & head_ends),
        ]
        head = Loop(m, config.heads, issue & head_ends, "head")
        m.d.comb += all_ends.eq(head_ends & head.is_last)
        with m.If(self.start):
            m.d.sync += [active.eq(1), self.row.eq(0)]
        with m.Elif(issue):
            m.d.sync += self.row.eq(self.row + part.is_last)
            with m.If(all_ends):
                m.d.sync += active.eq(0)

        part_later = delay(m, part.value, READ_LATENCY)
        factor = delay(m, self.factors.payload.factor, READ_LATENCY + 1)
        is_large = delay(m, self.factors.payload.is_large, READ_LATENCY + 1)
        m.d.comb += [
            queue.take.eq(issue),
            queue.push.eq(delay(m, issue, LATENCY, reset_less=False)),
            queue.result.last.eq(delay(m, all_ends, LATENCY)),
        ]
        for element in range(config.count):
            total = Signal(signed(config.sum_range.width), name=f"total_{element}", reset_less=True)
            with m.Switch(part_later):
                for number in range(16 // config.count):
                    with m.Case(number):
                        m.d.sync += total.eq(self.sums[number * config.count + element])
            result = self._result(m, total, factor, is_large, element)
            m.d.comb += queue.result.data[element].eq(result)
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return m

    def _result(
        self, m: Module, total: Signal, factor: Value, is_large: Value, element: int
    ) -> Value:
        """Four cycles: product of the low part, half added, that of the high part added, shift."""
        small, large = SHIFTS
        half_shape = max(PIECE_WIDTH + FACTOR_WIDTH, large) + 1
        half = Signal(large, name=f"half_{element}")
        m.d.comb += half.eq(Mux(delay(m, is_large, 1), 1 << (large - 1), 1 << (small - 1)))
        low_product = delay(m, total[:PIECE_WIDTH] * factor, 1)
        low = Signal(half_shape, name=f"low_{element}", reset_less=True)
        high_product = delay(
            m, delay(m, total[PIECE_WIDTH:].as_signed(), 1) * delay(m, factor, 1), 1
        )
        high = Signal(signed(len(high_product) + 1), name=f"high_{element}", reset_less=True)
        m.d.sync += [
            low.eq(low_product + half),
            high.eq(high_product + (low >> PIECE_WIDTH)),
        ]
        result = Signal(signed(RESULT.width), name=f"result_{element}", reset_less=True)
        is_large = delay(m, is_large, 3)
        m.d.sync += result.eq(
            Mux(is_large, high >> (large - PIECE_WIDTH), high >> (small - PIECE_WIDTH))
        )
        return result
