"""The product of an index and a size: exact at the corners and for random factors."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from sterna_hw.decoder.wide_product import INDEX_WIDTH, PRODUCT_LATENCY, wide_product


@pytest.mark.parametrize("width", [1, 24, 26])
def test_products_follow_their_factors(width: int) -> None:
    m = Module()
    index, size = Signal(INDEX_WIDTH), Signal(width)
    product = wide_product(m, index, size)
    generator = random.Random(width)
    corners = [0, 1, (1 << INDEX_WIDTH) - 1, 1 << (INDEX_WIDTH - 1), (1 << (INDEX_WIDTH - 1)) - 1]
    pairs = [(a, b) for a in corners for b in (0, 1, (1 << width) - 1)]
    pairs += [
        (generator.getrandbits(INDEX_WIDTH), generator.getrandbits(width)) for _ in range(100)
    ]
    products: list[int] = []

    async def bench(ctx) -> None:
        for a, b in [*pairs, *[(0, 0)] * PRODUCT_LATENCY]:
            ctx.set(index, a)
            ctx.set(size, b)
            products.append(ctx.get(product))
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert products[PRODUCT_LATENCY:] == [a * b for a, b in pairs]
