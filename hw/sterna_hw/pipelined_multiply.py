"""A product in registers that DSP blocks can absorb, split so that each piece fits one block.

A factor wider than a DSP's is cut into limbs of 17 bits, the upper one signed. Each pair of limbs is
one product with a register in front and behind; the shifted products are then added in a tree with
a register at each level. So no path holds more than one DSP or one addition, whatever the widths.
Latency: 2 and one for each level of the tree. A product every cycle.
"""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value, signed

__all__ = ["multiply_latency", "pipelined_multiply"]

LIMB_WIDTH = 17
"""Unsigned limbs of 17 bits fit signed 18-bit ports (ECP5 MULT18X18, and the smaller port of a
DSP48)."""


def _limb_count(width: int) -> int:
    return max(1, -(-(width - 1) // LIMB_WIDTH))


def multiply_latency(a_width: int, b_width: int) -> int:
    """Cycles from factors to product; widths include the sign."""
    return 2 + (_limb_count(a_width) * _limb_count(b_width) - 1).bit_length()


def _limbs(m: Module, value: Value, name: str) -> list[tuple[Signal, int]]:
    """Registers of the limbs with their shifts; all but the highest are unsigned."""
    width = len(value)
    limbs = []
    for number in range(_limb_count(width)):
        low = number * LIMB_WIDTH
        is_top = number == _limb_count(width) - 1
        part = value[low:].as_signed() if is_top else value[low : low + LIMB_WIDTH]
        limb = Signal(part.shape(), name=f"{name}_limb{number}", reset_less=True)
        m.d.sync += limb.eq(part)
        limbs.append((limb, low))
    return limbs


def pipelined_multiply(m: Module, a: Value, b: Value, width: int) -> Signal:
    """``a * b`` of two signed values, `multiply_latency` cycles later, in ``width`` bits."""
    terms: list[Signal] = []
    for a_limb, a_shift in _limbs(m, a, "a"):
        for b_limb, b_shift in _limbs(m, b, "b"):
            exact = a_limb * b_limb
            product = Signal(exact.shape(), name="product", reset_less=True)
            m.d.sync += product.eq(exact)
            # Shifting is wiring; the register holds only the bits that are not zero.
            shifted = Signal(signed(width), name="shifted")
            m.d.comb += shifted.eq(product << (a_shift + b_shift))
            terms.append(shifted)
    while len(terms) > 1:
        level: list[Signal] = []
        for left in range(0, len(terms), 2):
            total = Signal(signed(width), name="partial_product", reset_less=True)
            m.d.sync += total.eq(sum(terms[left + 1 : left + 2], start=terms[left]))
            level.append(total)
        terms = level
    return terms[0]
