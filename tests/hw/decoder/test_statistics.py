"""Statistics of vectors that follow one another, and in which cycle they are complete."""

import random

import numpy as np
import pytest
from amaranth.sim import Simulator

from sterna_hw.decoder.statistics import StatisticsConfig


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("seed", range(3), ids=lambda s: f"seed{s}")
def test_vectors(count, seed):
    generator = random.Random(seed)
    config = StatisticsConfig(count, 6 * count, 39, 47)
    part = config.create()
    vectors = [
        [
            [
                (generator.getrandbits(39) >> generator.randrange(39), generator.choice(edges))
                for _ in range(count)
            ]
            for _ in range(generator.randrange(1, 7))
        ]
        for edges in [[0], [2**46], [2**46, 1, 2**24 - 1]] * 3
    ]
    found = []

    async def bench(ctx):
        for vector in vectors:
            for number, beat in enumerate(vector):
                for place, (magnitude, square) in enumerate(beat):
                    ctx.set(part.magnitudes[place], magnitude)
                    ctx.set(part.squares[place], square)
                ctx.set(part.valid, 1)
                ctx.set(part.first, number == 0)
                await ctx.tick()
                ctx.set(part.valid, 0)
                for place in range(count):
                    ctx.set(part.magnitudes[place], generator.getrandbits(39))
                if number < len(vector) - 1 and generator.random() < 0.5:
                    await ctx.tick()
            await ctx.tick().repeat(config.latency - 1)
            found.append((ctx.get(part.largest), ctx.get(part.squares_sum)))

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    for vector, result in zip(vectors, found, strict=True):
        pairs = [pair for beat in vector for pair in beat]
        expected = max(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
        assert result == expected
        magnitudes, squares = np.array(pairs).T
        assert config.compute(magnitudes, squares) == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((3, 8, 39, 47), "Elements of a beat must be a power of two, not 3"),
        ((4, 8, 39, 20), "Square width must be more than 24, not 20"),
        ((4, 1 << 18, 39, 47), "Sum of squares must have at most 64 bits, not 65"),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(ValueError, match=message):
        StatisticsConfig(*fields)
