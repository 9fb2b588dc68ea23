"""Words cut into beats: all relations of words and beats, padding dropped, stalls, exact cycles."""

import random

import numpy as np
import pytest
from amaranth.hdl import Const
from amaranth.sim import Simulator

from sterna_hw.decoder.word_loader import WordLoaderConfig

SHAPES = [
    (1, 2),
    (1, 4),
    (1, 8),
    (2, 8),
    (3, 4),
    (3, 8),
    (4, 8),
    (4, 16),
    (1, 16),
    (2, 32),
    (1, 64),
]


def run(config, loads, stalls, generator):
    """For each load the beats with their cycles from ``start``, and the cycle that ends it."""
    part, found = config.create(), []

    async def bench(ctx):
        for beats, words in loads:
            ctx.set(part.start, 1)
            ctx.set(part.beats, beats)
            await ctx.tick()
            ctx.set(part.start, 0)
            ctx.set(part.beats, 0)
            waiting, taken, cycle = list(words), [], 1
            while ctx.get(part.busy):
                offers = bool(waiting) and not (stalls and generator.random() < 0.5)
                junk = generator.getrandbits(config.word_width)
                payload = waiting[0] if offers else junk
                ctx.set(part.words.payload.data, words_of(payload, config))
                ctx.set(part.words.valid, offers)
                if ctx.get(part.valid):
                    bits = Const.cast(ctx.get(part.data)).value
                    taken.append((cycle, ctx.get(part.address), bits))
                if offers and ctx.get(part.words.ready):
                    waiting.pop(0)
                await ctx.tick()
                cycle += 1
            ctx.set(part.words.valid, 1)
            assert not ctx.get(part.words.ready) and not waiting
            ctx.set(part.words.valid, 0)
            found.append((taken, cycle))

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def words_of(payload, config):
    return [(payload >> (128 * port)) & (2**128 - 1) for port in range(config.ports)]


@pytest.mark.parametrize("stalls", [False, True], ids=["free", "stalls"])
@pytest.mark.parametrize(("ports", "count"), SHAPES, ids=str)
def test_loads(ports, count, stalls):
    generator = random.Random(f"{ports}/{count}/{stalls}")
    config = WordLoaderConfig(ports, count, 9)
    loads = []
    for beats in [1, 9, 2, 5, 1, 3]:
        words = [generator.getrandbits(config.word_width) for _ in range(config.word_count(beats))]
        loads.append((beats, words))
    found = run(config, loads, stalls, generator)
    for (beats, words), (taken, cycles) in zip(loads, found, strict=True):
        stream = b"".join(word.to_bytes(config.word_width // 8, "little") for word in words)
        size = 2 * count
        expected = [stream[size * number : size * (number + 1)] for number in range(beats)]
        assert [address for _, address, _ in taken] == list(range(beats))
        assert [
            (bits % 2**config.width).to_bytes(size, "little") for _, _, bits in taken
        ] == expected
        if not stalls:
            assert cycles == config.cycles(beats)
            step = config.words_per_beat
            assert [cycle for cycle, _, _ in taken] == [1 + step * (n + 1) for n in range(beats)]
        data = np.frombuffer(stream, dtype=np.uint8).reshape(len(words), -1)
        numbers = config.compute(data, beats)
        assert numbers.astype("<i2").tobytes() == b"".join(expected)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((5, 8, 4), "Memory ports must be 1 to 4, not 5"),
        ((1, 8, 0), "Largest beats must be 1 or more, not 0"),
        ((3, 16, 4), "Numbers of a beat must fill words of 384 bits evenly, not be 16"),
        ((1, 6, 4), "Numbers of a beat must fill words of 128 bits evenly, not be 6"),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(ValueError, match=message):
        WordLoaderConfig(*fields)
