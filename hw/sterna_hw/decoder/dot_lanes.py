"""P lanes of 16 multipliers: dot products of memory rows with the query, one word a cycle.

Each lane multiplies the 16 codes of its port's part of the word by 16 codes of the query, the same
ones in all lanes. Products are added four by four along a chain of multipliers (each adds its
product to the sum of the one before, so its operands come one cycle later), then by two levels of
adders, then to the running sum of the row. Where several query heads share a key head, the word is
given again for each of them, and their running sums take turns in a line as long as the group.

`LATENCY` cycles from a word to the sum that it completes; a word a cycle, no stalls, no enables.
The query comes `QUERY_DELAY` cycles after its word: that long its memory takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, IntegerRange
from ..credit import delay
from ..delay_line import delay_line, delay_line_cost

__all__ = ["LATENCY", "QUERY_DELAY", "DotLanes", "DotLanesConfig"]

QUERY_DELAY = 2
CHAIN = 4
SUM_AT = QUERY_DELAY + 2 + CHAIN - 1 + 2
LATENCY = SUM_AT + 1


@dataclass(frozen=True)
class DotLanesConfig:
    """The lanes.

    Parameters
    ----------
    ports : :class:`int`
        Lanes, P.
    group : :class:`int`
        Query heads that share a word.
    elements : :class:`int`
        Products in the longest sum.
    """

    ports: int
    group: int
    elements: int

    @property
    def sum_range(self) -> IntegerRange:
        """Of a sum: codes of the query reach 127, those of memory also -128."""
        bound = 128 * 127 * self.elements
        return IntegerRange(-bound, bound)

    def compute(self, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
        """Sums ``(rows,)`` of rows ``(rows, elements)`` and a query ``(elements,)``."""
        return np.asarray(rows, dtype=np.int64) @ np.asarray(query, dtype=np.int64)

    def cost(self, device: Device) -> Cost:
        """Estimate: a multiplier a product, adders along the chains, of four partial sums and the
        running one. Registers and additions are counted beside the multipliers, as Yosys 0.70 has
        them; tools that move them inside need half as much."""
        width = self.sum_range.width
        operands = 8 * 16 * (QUERY_DELAY + (CHAIN - 1) / 2)
        adders = 12 * 17.5 + 3 * 19 + width
        lane = Cost(lut=adders, ff=operands + 16 * 16 + 16 * 17.5 + 3 * 19 + width, dsp=16)
        if self.group > 1:
            lane += delay_line_cost(device, width, self.group)
        return lane * self.ports

    def create(self) -> DotLanes:
        return DotLanes(self)


class DotLanes(wiring.Component):
    """The lanes.

    Attributes
    ----------
    step : in
        A word is there.
    is_first, is_last : in
        It begins or ends its sums.
    is_row : in
        The word is given once, whatever the group.
    word : in, array of P times 128 bits
    query : in, 128 bits, `QUERY_DELAY` cycles after the word
    valid : out
        Sums are complete.
    sums : out, array of P
    """

    step: Signal
    is_first: Signal
    is_last: Signal
    is_row: Signal
    word: data.View
    query: Signal
    valid: Signal
    sums: data.View

    def __init__(self, config: DotLanesConfig) -> None:
        self.config = config
        width = config.sum_range.width
        super().__init__(
            {
                "step": In(1),
                "is_first": In(1),
                "is_last": In(1),
                "is_row": In(1),
                "word": In(data.ArrayLayout(128, config.ports)),
                "query": In(128),
                "valid": Out(1),
                "sums": Out(data.ArrayLayout(signed(width), config.ports)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        step = delay(m, self.step, SUM_AT, reset_less=False)
        is_first = delay(m, self.is_first, SUM_AT)
        is_last = delay(m, self.is_last, SUM_AT)
        is_row = delay(m, self.is_row, SUM_AT)
        m.d.sync += self.valid.eq(step & is_last)

        # One operand of each multiplier is the same in all lanes: it is delayed once.
        queries = [
            _registers(m, self.query.word_select(place, 8).as_signed(), place % CHAIN)
            for place in range(16)
        ]
        width = config.sum_range.width
        for port in range(config.ports):
            word = self.word[port]
            products = self._products(m, word, queries)
            total = Signal(signed(width), name=f"total_{port}", reset_less=True)
            base: Value = total
            new = Signal(signed(width), name=f"new_{port}")
            if config.group > 1:
                line = delay_line(m, new, config.group, step, name=f"line_{port}")
                base = Mux(is_row, total, line.as_signed())
            m.d.comb += new.eq(Mux(is_first, 0, base) + products)
            with m.If(step):
                m.d.sync += total.eq(new)
            m.d.comb += self.sums[port].eq(total)
        return m

    def _products(self, m: Module, word: Value, queries: list[Value]) -> Value:
        """Sum of the 16 products of one lane."""
        chains: list[Value] = []
        for first in range(0, 16, CHAIN):
            chain: Value | None = None
            for link in range(CHAIN):
                place = first + link
                code = word.word_select(place, 8).as_signed()
                operand = _registers(m, code, QUERY_DELAY + link)
                product = Signal(signed(16), reset_less=True)
                m.d.sync += product.eq(operand * queries[place])
                width = 16 + link.bit_length()
                total = Signal(signed(width), reset_less=True)
                m.d.sync += total.eq(product if chain is None else chain + product)
                chain = total
            assert chain is not None
            chains.append(chain)
        while len(chains) > 1:
            pairs = []
            for left, right in zip(chains[::2], chains[1::2]):
                pair = Signal(signed(len(left) + 1), reset_less=True)
                m.d.sync += pair.eq(left + right)
                pairs.append(pair)
            chains = pairs
        return chains[0]


def _registers(m: Module, value: Value, cycles: int) -> Value:
    """A delay of true registers, which lie inside the multipliers or near them: with a reset they
    are not taken for a shift register, which would cost a look-up table each."""
    return delay(m, value, cycles, reset_less=False)
