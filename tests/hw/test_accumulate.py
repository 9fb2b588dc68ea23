"""The accumulation stages by themselves: any order of gaps gives the sums, at a fixed latency."""

from __future__ import annotations

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from sterna_hw.accumulate import AccumulateConfig
from sterna_hw.base import IntegerRange


def random_config(seed: int) -> AccumulateConfig:
    generator = random.Random(seed)
    outputs = generator.randint(1, 12)
    queries = generator.randint(1, min(outputs, 3))
    planes, input_blocks = generator.randint(1, 5), generator.randint(1, 4)
    limit = 15 * input_blocks * (3**planes - 1) // 2
    return AccumulateConfig(
        outputs=outputs,
        queries=queries,
        lanes=generator.randint(1, 2),
        sum_range=IntegerRange(-15, 15),
        result_range=IntegerRange(-limit, limit),
        planes=planes,
        input_blocks=input_blocks,
        is_signed=generator.random() < 0.5,
        zero_padding=generator.random() < 0.5,
        tile_depth=generator.choice([1, 2, 5, 32]),
    )


def run(config: AccumulateConfig, values, negative, gaps: list[int]):
    """Feeds sums [step, lanes*queries] with signs [step, queries] after so many idle cycles each;
    returns (cycle, results, last) of every result, and the cycles in which sums went in."""
    dut = config.create()
    seen, fed = [], []

    async def bench(ctx):
        cycle = 0
        junk = random.Random(0)

        async def tick():
            nonlocal cycle
            if ctx.get(dut.result_valid):
                elements = [ctx.get(element) for element in dut.result.data]
                seen.append((cycle, elements, ctx.get(dut.result.last)))
            await ctx.tick()
            cycle += 1

        for sums, signs, gap in zip(values, negative, gaps):
            for _ in range(gap):
                ctx.set(dut.valid, 0)
                for place in dut.sums:
                    ctx.set(place, junk.randint(-15, 15))
                ctx.set(dut.negative, junk.getrandbits(config.queries))
                await tick()
            ctx.set(dut.valid, 1)
            for place, value in zip(dut.sums, sums):
                ctx.set(place, int(value))
            ctx.set(dut.negative, sum(int(bit) << query for query, bit in enumerate(signs)))
            fed.append(cycle)
            await tick()
        ctx.set(dut.valid, 0)
        for _ in range(config.latency + 3):
            await tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen, fed


@pytest.mark.parametrize("seed", range(32), ids=lambda seed: f"seed{seed}")
def test_sums_and_latency(seed):
    config = random_config(seed)
    generator = np.random.default_rng(seed)
    frames, blocks = 3, config.output_blocks
    order = (frames, config.input_blocks, blocks, config.planes)
    values = generator.integers(-15, 16, (*order, config.lanes, config.queries))
    signs = generator.integers(0, 2, (*order, config.queries)) * config.is_signed
    effective = values * (1 - 2 * signs[..., None, :])
    # Padded queries of the last block carry zeros unless the part is asked to make them zero.
    padded = blocks * config.queries - config.outputs
    if padded and not config.zero_padding:
        values[:, :, -1, :, :, -padded:] = effective[:, :, -1, :, :, -padded:] = 0
    steps = int(np.prod(order))
    gaps = [int(gap) for gap in generator.choice([0, 0, 0, 1, 4], steps)]
    if seed % 3 == 0:
        gaps = [0] * steps
    seen, fed = run(
        config,
        values.reshape(steps, -1),
        signs.reshape(steps, -1),
        gaps,
    )

    expected = np.zeros((frames, config.lanes, blocks * config.queries), dtype=np.int64)
    for plane in range(config.planes):
        weight = 3 ** (config.planes - 1 - plane)
        part = effective[:, :, :, plane].sum(axis=1) * weight
        expected += part.transpose(0, 2, 1, 3).reshape(expected.shape)
    expected[:, :, config.outputs :] = 0
    got = np.array([elements for _, elements, _ in seen])
    got = got.reshape(frames, blocks, config.lanes, config.queries).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(got.reshape(expected.shape), expected)
    np.testing.assert_array_equal(config.compute(effective), expected[:, :, : config.outputs])

    assert [last for _, _, last in seen] == ([0] * (blocks - 1) + [1]) * frames
    completing = np.array(fed).reshape(order)[:, -1, :, -1].ravel()
    assert [cycle for cycle, _, _ in seen] == (completing + config.latency).tolist()


def test_no_tiles():
    with pytest.raises(ValueError) as caught:
        AccumulateConfig(1, 1, 1, IntegerRange(0, 1), IntegerRange(0, 1), tile_depth=0)
    assert str(caught.value) == "Tile depth must be 1 or more, not 0"
