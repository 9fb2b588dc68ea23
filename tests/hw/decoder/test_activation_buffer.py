"""The buffer of activations: rows as `compute` says, one cycle after their address."""

from __future__ import annotations

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from sterna_hw.decoder.activation_buffer import ActivationBufferConfig


@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_rows_come_back(seed):
    generator = random.Random(seed)
    count = generator.choice([1, 2, 4])
    row = generator.choice([1, 2, 4])
    config = ActivationBufferConfig(generator.randint(1, 4), row, count, generator.randint(1, 60))
    elements = -(-config.largest_inputs // count) * count
    vectors = np.random.default_rng(seed).integers(-128, 128, (config.lanes, elements))
    expected = config.compute(vectors)
    assert expected.shape == (config.row_count, config.lanes, row)
    dut = config.create()

    async def bench(ctx) -> None:
        places = [(lane, at) for lane in range(config.lanes) for at in range(elements // count)]
        generator.shuffle(places)
        for lane, at in places:
            ctx.set(dut.write.enable, 1)
            ctx.set(dut.write.lane, lane)
            ctx.set(dut.write.address, at)
            ctx.set(dut.write.data, vectors[lane, at * count :][:count].tolist())
            await ctx.tick()
            ctx.set(dut.write.enable, 0)
            # Without enable nothing is written, whatever the rest says.
            ctx.set(dut.write.data, [generator.randint(-128, 127) for _ in range(count)])
            if generator.random() < 0.3:
                await ctx.tick()
        await ctx.tick()
        rows = [generator.randrange(config.row_count) for _ in range(12)]
        seen = []
        for number in [*rows, 0]:
            ctx.set(dut.row, number)
            *_, value = await ctx.tick().sample(dut.activations)
            seen.append(list(value))
        # `seen[n]` was sampled in the cycle of address n.
        got = np.array(seen[1:]).reshape(-1, config.lanes, row)
        np.testing.assert_array_equal(got, expected[rows])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("row", [0, 3, 6, 12])
def test_refuses_rows(row):
    with pytest.raises(ValueError, match="Row must be"):
        ActivationBufferConfig(1, row, 4, 16)
