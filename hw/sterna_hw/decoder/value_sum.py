"""The weighted sums of values: for each head and element, over all tokens.

A word brings 16 codes of P tokens at once, all of the same head. Each code is multiplied by its
token's weight and the P products are added along a chain of multipliers, each port's operands one
cycle later than those of the port before. The chain begins with what the 16 elements had summed up
to before, read from a block memory, and ends in that memory again: no adders outside multipliers,
and one memory for all ports.

A row is read in cycle 0 and written P + 3 cycles later, so it may be visited again P + 4 cycles
after: the walk's least record ensures that. Sums of the first slot begin at zero. A word a cycle,
no stalls. What is read for the results comes by the same port, `READ_LATENCY` cycles later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, IntegerRange
from ..credit import delay
from ..memory import MemoryConfig
from .attention_command import index_shape
from .token_weights import WEIGHT_WIDTH

__all__ = ["READ_LATENCY", "ValueSum", "ValueSumConfig"]

READ_LATENCY = 2


@dataclass(frozen=True)
class ValueSumConfig:
    """Sums over up to ``context`` tokens for ``rows`` times 16 elements."""

    ports: int
    rows: int
    context: int

    @property
    def sum_range(self) -> IntegerRange:
        bound = 128 * 65535 * self.context
        return IntegerRange(-bound, bound)

    @property
    def memory(self) -> MemoryConfig:
        width = 16 * self.sum_range.width
        return MemoryConfig(
            "value_sums", self.rows, width, reloadable=True, read_latency=READ_LATENCY
        )

    @property
    def write_latency(self) -> int:
        """Cycles from a word to the write of its sums."""
        return self.ports + 3

    def compute(self, weights: np.ndarray, values: np.ndarray, group: int) -> np.ndarray:
        """Sums ``(heads, elements)`` of weights ``(tokens, heads)`` and values
        ``(tokens, kv_heads, elements)``."""
        values = np.repeat(np.asarray(values, dtype=np.int64), group, axis=1)
        return np.einsum("th,the->he", np.asarray(weights, dtype=np.int64), values)

    def cost(self, device: Device) -> Cost:
        """Estimate: multipliers with an addition each, the memory, and registers that hold back the
        later ports. Registers and additions are counted beside the multipliers, as Yosys 0.70 has
        them; tools that move them inside need next to none."""
        held = sum((128 + WEIGHT_WIDTH) * (READ_LATENCY + port) for port in range(self.ports))
        count, width = 16 * self.ports, self.sum_range.width
        own = Cost(lut=8 + count * width, ff=held + count * (width + 25) + 16 * width, dsp=count)
        return own + self.memory.cost(device)

    def create(self) -> ValueSum:
        return ValueSum(self)


class ValueSum(wiring.Component):
    """The multipliers and the sums.

    Attributes
    ----------
    step : in
        A word, its weights and its row are there.
    word : in, array of P times 128 bits
    weights : in, array of P
    row : in
        Which 16 elements: of the word, or to be read when there is no word.
    is_first_slot : in
    sums : out, array of 16
        What ``row`` held `READ_LATENCY` cycles ago.
    """

    step: Signal
    word: data.View
    weights: data.View
    row: Signal
    is_first_slot: Signal
    sums: data.View

    def __init__(self, config: ValueSumConfig) -> None:
        self.config = config
        super().__init__(
            {
                "step": In(1),
                "word": In(data.ArrayLayout(128, config.ports)),
                "weights": In(data.ArrayLayout(WEIGHT_WIDTH, config.ports)),
                "row": In(index_shape(config.rows)),
                "is_first_slot": In(1),
                "sums": Out(data.ArrayLayout(signed(config.sum_range.width), 16)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.memory = memory = config.memory.create()
        m.d.comb += [memory.address.eq(self.row), self.sums.as_value().eq(memory.data)]
        is_first = delay(m, self.is_first_slot, READ_LATENCY)

        # Operands reach the multiplier when the memory's answer is there, later ports later.
        words = [
            delay(m, self.word[port], READ_LATENCY + port, reset_less=False)
            for port in range(config.ports)
        ]
        weights = [
            delay(m, self.weights[port], READ_LATENCY + port, reset_less=False)
            for port in range(config.ports)
        ]
        new = []
        shape = signed(config.sum_range.width)
        for place in range(16):
            total = Signal(shape, name=f"before_{place}", reset_less=True)
            with m.If(is_first):
                m.d.sync += total.eq(0)
            with m.Else():
                m.d.sync += total.eq(self.sums[place])
            chain: Value = total
            for port in range(config.ports):
                code = words[port].word_select(place, 8).as_signed()
                product = delay(m, code * weights[port], 1)
                link = Signal(shape, name=f"chain_{place}_{port}", reset_less=True)
                m.d.sync += link.eq(chain + product)
                chain = link
            new.append(chain)
        latency = config.write_latency
        m.d.comb += [
            memory.load.enable.eq(delay(m, self.step, latency, reset_less=False)),
            memory.load.address.eq(delay(m, self.row, latency)),
            memory.load.data.eq(Cat(new)),
        ]
        return m
