"""Addresses of records: the sum of two products, in the cycle that is promised, and its limit."""

from __future__ import annotations

import random

import pytest
from amaranth.sim import Simulator

from sterna_hw.decoder.record_address import RECORD_ADDRESS_CYCLES, RecordAddressConfig


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_random_addresses(seed: int) -> None:
    choose = random.Random(seed)
    config = RecordAddressConfig(address_width=24, index_width=8, record_words=5)
    part = config.create()

    async def play(ctx) -> None:
        for _ in range(40):
            big = choose.random() < 0.2
            base = choose.randrange(1 << (32 if big else 18))
            region, layer = choose.randrange(1 << 12), choose.randrange(40)
            slot, is_value = choose.randrange(256), choose.random() < 0.5
            exact = base + (2 * layer + is_value) * region + 5 * slot
            # Often the very border.
            memory = choose.choice((exact + 4, exact + 5, exact + 6, (1 << 20) - 1))
            memory = min(memory, (1 << 20) - 1)
            for name, value in (
                ("base", base), ("region", region), ("layer", layer), ("slot", slot),
                ("is_value", is_value), ("memory_words", memory), ("start", 1),
            ):  # fmt: skip
                ctx.set(getattr(part, name), value)
            await ctx.tick()
            ctx.set(part.start, 0)
            for _ in range(RECORD_ADDRESS_CYCLES - 1):
                assert not ctx.get(part.done)
                await ctx.tick()
            assert ctx.get(part.done)
            expected = config.compute(base, region, layer, is_value, slot, memory)
            assert ctx.get(part.in_memory) == (expected is not None)
            if expected is not None:
                assert ctx.get(part.address) == expected == exact
            await ctx.tick().repeat(choose.randint(1, 3))

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play)
    simulator.run()
