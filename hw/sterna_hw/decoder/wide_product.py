"""The product of an index of 18 bits and a size, both unsigned, two cycles after them.

A DSP block multiplies 17 unsigned bits by 26. The index has one more (token numbers and positions
of any decoder fit 18 bits), and left to itself synthesis takes a second block for it, with an adder
behind both in the same cycle. Here the highest bit's part is a copy of the size, added in the
second cycle, in front of which nothing but registers stands.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value

__all__ = ["INDEX_WIDTH", "PRODUCT_LATENCY", "wide_product"]

INDEX_WIDTH = 18
PRODUCT_LATENCY = 2
LARGEST_FACTOR = 26
"""Unsigned bits of the other factor that one block takes."""


def wide_product(m: Module, index: Value, size: Value) -> Signal:
    """``index * size``, registered; ``index`` has `INDEX_WIDTH` bits."""
    assert len(index) == INDEX_WIDTH and len(size) <= LARGEST_FACTOR
    low_bits = INDEX_WIDTH - 1
    low = Signal(low_bits + len(size), reset_less=True)
    high = Signal(len(size), reset_less=True)
    product = Signal(INDEX_WIDTH + len(size), reset_less=True)
    m.d.sync += [
        low.eq(index[:low_bits] * size),
        high.eq(size & index[low_bits].replicate(len(size))),
        product.eq(Cat(low[:low_bits], low[low_bits:] + high)),
    ]
    return product
