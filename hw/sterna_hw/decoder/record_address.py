"""Where a token's keys or values go in the cache: a sum of two products, and whether it fits.

The record of a slot in the region of a layer lies at
``base + (2*layer + is_value) * region + slot * record`` (memory words); keys of a layer come before
its values. One multiplier makes both products, one after the other (see `wide_product`). The
result stands eight cycles after the operands do, and for as long as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .instruction import SLOTS
from .wide_product import INDEX_WIDTH, wide_product

__all__ = ["RECORD_ADDRESS_CYCLES", "RecordAddress", "RecordAddressConfig"]

RECORD_ADDRESS_CYCLES = 8
"""Cycles from ``start`` (operands stand) to the result."""


@dataclass(frozen=True)
class RecordAddressConfig:
    """``address_width`` bits of byte address, ``index_width`` bits of a slot (at most 18), records
    of ``record_words`` words."""

    address_width: int
    index_width: int
    record_words: int

    def compute(
        self, base: int, region: int, layer: int, is_value: bool, slot: int, memory_words: int
    ) -> int | None:
        """Word address of the record, None if it does not lie in the memory."""
        address = base + (2 * layer + is_value) * region + slot * self.record_words
        return address if address + self.record_words <= memory_words else None

    def cost(self, device: Device) -> Cost:
        return Cost(lut=130, ff=220, dsp=1)

    def create(self) -> RecordAddress:
        return RecordAddress(self)


class RecordAddress(wiring.Component):
    """The unit.

    Attributes
    ----------
    start : in
        High for a cycle: the operands stand.
    base, region, layer, is_value, slot : in
    memory_words : in
    done : out
        High for a cycle, `RECORD_ADDRESS_CYCLES` after ``start``.
    address : out
        Word address.
    in_memory : out
        Whether the whole record lies in the memory.
    """

    start: Signal
    base: Signal
    region: Signal
    layer: Signal
    is_value: Signal
    slot: Signal
    memory_words: Signal
    done: Signal
    address: Signal
    in_memory: Signal

    def __init__(self, config: RecordAddressConfig) -> None:
        self.config = config
        width = config.address_width - 4
        super().__init__(
            {
                "start": In(1),
                "base": In(SLOTS["address"]),
                "region": In(SLOTS["stride"]),
                "layer": In(SLOTS["extra"]),
                "is_value": In(1),
                "slot": In(config.index_width),
                "memory_words": In(width),
                "done": Out(1),
                "address": Out(width),
                "in_memory": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # The start walks along: what the cycle's number is decides what is done in it.
        step = Signal(RECORD_ADDRESS_CYCLES)
        m.d.sync += step.eq(Cat(self.start, step[:-1]))
        m.d.comb += self.done.eq(step[-1])

        index, size = Signal(INDEX_WIDTH), Signal(SLOTS["stride"])
        product = wide_product(m, index, size)
        term = Signal(max(len(product), SLOTS["address"]))
        # A base or product that is no address by itself is noted. No sum of three others can wrap.
        width = len(self.address)
        total, end, is_far = Signal(width + 2), Signal(width + 2), Signal()
        m.d.sync += [
            index.eq(Mux(step[0], self.slot, Cat(self.is_value, self.layer))),
            size.eq(Mux(step[0], self.config.record_words, self.region)),
        ]
        # The base is a term like the products, so that nothing stands before or behind the adder.
        m.d.sync += term.eq(Mux(self.start, self.base, product))
        with m.If(self.start):
            m.d.sync += [total.eq(0), is_far.eq(0)]
        with m.If(step[0] | step[3] | step[4]):
            m.d.sync += [
                total.eq(total + term[:width]),
                is_far.eq(is_far | term[width:].any()),
            ]
        m.d.sync += end.eq(total + self.config.record_words)
        m.d.sync += self.in_memory.eq((end <= self.memory_words) & ~is_far)
        m.d.comb += self.address.eq(total)
        return m
