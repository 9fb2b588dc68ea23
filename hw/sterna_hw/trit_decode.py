"""Bytes of five trits into trits, and groups of trits into the engine's indices: the logic.

A trit is kept as two bits that count how many of -1, 0 it exceeds: -1 is 00, 0 is 01, 1 is 11.
Of the codes that were tried in Yosys this one takes the fewest look-up tables.

A byte is v = 27 q + r. The two upper trits follow from q, which depends on all eight bits; then r
is the lower five bits of v minus a constant that q selects; then the three lower trits follow from
r alone. One register stage each: three cycles, 27 LUT6 a byte in Yosys instead of 35 and more for a
plain table of 256 rows. Bytes beyond 242 count as 242.
"""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value

from .credit import delay
from .table_plan import TablePlan
from .trits import LARGEST_BYTE

__all__ = ["DECODE_LATENCY", "TRIT_WIDTH", "decode_byte", "index_of_group"]

DECODE_LATENCY = 3
TRIT_WIDTH = 2

_CODES = (0b00, 0b01, 0b11)


def decode_byte(m: Module, byte: Value) -> Value:
    """Five trits of `TRIT_WIDTH` bits, the first one lowest, `DECODE_LATENCY` cycles later."""
    upper = Signal(2 * TRIT_WIDTH, reset_less=True)
    with m.Switch(byte):
        for value in range(256):
            with m.Case(value):
                m.d.sync += upper.eq(_code(min(value, LARGEST_BYTE) // 27, 2))
    low = delay(m, byte[:5], 1)
    whole = Signal(5)
    with m.Switch(upper):
        for quotient in range(9):
            with m.Case(_code(quotient, 2)):
                m.d.comb += whole.eq(-27 * quotient % 32)
    remainder = Signal(5, reset_less=True)
    m.d.sync += remainder.eq(low + whole)
    lower = Signal(3 * TRIT_WIDTH, reset_less=True)
    with m.Switch(remainder):
        for value in range(27):
            with m.Case(value):
                m.d.sync += lower.eq(_code(value, 3))
    return Cat(lower, delay(m, upper, 2))


def index_of_group(m: Module, trits: Value, plan: TablePlan, name: str) -> Signal:
    """The index of a group's letters in a table, one cycle later: address, then the sign if any."""
    index = Signal(plan.index_width, reset_less=True, name=name)
    indices: np.ndarray = plan.indices()
    with m.Switch(trits):
        for number in range(len(indices)):
            with m.Case(_code(number, plan.group)):
                m.d.sync += index.eq(int(indices[number]))
    return index


def _code(number: int, digits: int) -> int:
    """The trits of a number in base 3, lowest digit first, as bits."""
    return sum(_CODES[number // 3**place % 3] << (TRIT_WIDTH * place) for place in range(digits))
