"""The scalar unit: results by the rules of docs/numerics.md, in the cycles that it promises."""

import math
import random

import pytest
from amaranth.sim import Simulator

from sterna_hw.decoder.scalar_unit import ScalarUnitConfig
from sterna_hw.decoder.scale_product import ScaleProductConfig


def told(a, squares):
    """(n, R, scale of the maximum, norm scale) as the page tells them, with z found by search."""
    if a == 0:
        return 0, None, (0, 0), (0, 0)
    n = len(bin(a)) - 2
    top = a >> (n - 17) if n >= 17 else a << (17 - n)
    reciprocal = math.floor(127 * 2**24 // top)
    for z in range(-64, 66, 2):
        shifted = squares >> z if z >= 0 else squares << -z
        if 2**46 <= shifted < 2**48:
            break
    else:
        raise AssertionError(squares)
    t = top * 2**23 // math.isqrt(shifted)
    scale = (t, n - 40 - z // 2) if t < 2**16 else (t >> 1, n - 40 - z // 2 + 1)
    return n, reciprocal, (top >> 1, n - 16), scale


def random_case(generator, width):
    a = generator.getrandbits(generator.randrange(1, width + 1)) or 1
    return a, max(1, generator.getrandbits(generator.randrange(1, 65)))


def run(unit, cases):
    found = []

    async def bench(ctx):
        for largest, squares in cases:
            ctx.set(unit.largest, largest)
            ctx.set(unit.squares, squares)
            ctx.set(unit.start, 1)
            await ctx.tick()
            ctx.set(unit.start, 0)
            ctx.set(unit.largest, 5)
            ctx.set(unit.squares, 7)
            at = {}
            for cycle in range(1, 70):
                for name in ("maximum", "reciprocal", "norm"):
                    if ctx.get(getattr(unit, f"{name}_valid")):
                        assert name not in at
                        at[name] = cycle
                        if name == "reciprocal":
                            early = ctx.get(unit.length), ctx.get(unit.reciprocal)
                        if name == "maximum":
                            first = ctx.get(unit.maximum)
                await ctx.tick()
            norm = ctx.get(unit.norm)
            found.append(
                (*early, (first.mantissa, first.exponent), (norm.mantissa, norm.exponent), at)
            )

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("seed", range(6), ids=lambda s: f"seed{s}")
@pytest.mark.parametrize("width", [17, 24, 39, 44])
def test_results_and_cycles(width, seed):
    generator = random.Random(seed)
    config = ScalarUnitConfig(width)
    cases = [random_case(generator, width) for _ in range(8)]
    cases += [(0, 0), (0, 12345), (1, 1), (2**width - 1, 2**64 - 1), (2 ** (width - 1), 2**62)]
    cases += [(65537, 2**47 - 1), (131071, 2**46)]
    cycles = {
        "maximum": config.maximum_latency,
        "reciprocal": config.reciprocal_latency,
        "norm": config.norm_latency,
    }
    for case, (*result, at) in zip(cases, run(config.create(), cases)):
        expected = told(*case)
        assert at == cycles
        assert result[2:] == list(expected[2:])
        computed = config.compute(*case)
        assert (computed.maximum, computed.norm) == expected[2:]
        if case[0]:
            assert tuple(result[:2]) == expected[:2] == computed[:2]


@pytest.mark.parametrize("pause", [1, 3, 8, 9, 24, 33, 50])
@pytest.mark.parametrize("abandons", [True, False], ids=["abandon", "start"])
def test_abandoned_work_gives_no_result(pause, abandons):
    """Ended so many cycles after its start, by ``abandon`` or by the next start itself."""
    config = ScalarUnitConfig(24)
    unit = config.create()
    begin = pause + (3 if abandons else 0)
    starts = {0: (77, 6000), begin: (500, 12345678)}
    seen = {"maximum": [], "reciprocal": [], "norm": []}

    async def bench(ctx):
        for cycle in range(begin + 80):
            largest, squares = starts.get(cycle, (5, 7))
            ctx.set(unit.start, cycle in starts)
            ctx.set(unit.largest, largest)
            ctx.set(unit.squares, squares)
            ctx.set(unit.abandon, abandons and cycle == pause)
            for name, cycles in seen.items():
                if ctx.get(getattr(unit, f"{name}_valid")) and cycle > pause:
                    cycles.append(cycle - begin)
            await ctx.tick()
        norm = ctx.get(unit.norm)
        assert (norm.mantissa, norm.exponent) == told(500, 12345678)[3]

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == {
        "maximum": [config.maximum_latency],
        "reciprocal": [config.reciprocal_latency],
        "norm": [config.norm_latency],
    }


def test_stated_cycles():
    config = ScalarUnitConfig(39)
    assert (config.maximum_latency, config.reciprocal_latency, config.norm_latency) == (8, 24, 51)


@pytest.mark.parametrize("width", [16, 45])
def test_refuses(width):
    with pytest.raises(ValueError, match=f"Width of the maximum must be 17 to 44, not {width}"):
        ScalarUnitConfig(width)


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
def test_scale_product(seed):
    generator = random.Random(seed)
    config = ScaleProductConfig()
    part = config.create()
    edges = [(0, 0), (1 << 15, -1024), ((1 << 16) - 1, 900), (46341, 3), (46340, -3)]

    def scale():
        if generator.random() < 0.3:
            return generator.choice(edges)
        return generator.randrange(1 << 15, 1 << 16), generator.randrange(-1000, 1000)

    pairs = [(scale(), scale()) for _ in range(60)]
    expected = []
    for (m1, e1), (m2, e2) in pairs:
        if m1 * m2 == 0:
            expected.append((0, 0))
        elif m1 * m2 >= 2**31:
            expected.append(((m1 * m2) // 2**16, e1 + e2 + 16))
        else:
            expected.append(((m1 * m2) // 2**15, e1 + e2 + 15))
    assert [config.compute(*pair) for pair in pairs] == expected
    found = []

    async def bench(ctx):
        for a, b in pairs + [((0, 0), (0, 0))] * config.latency:
            ctx.set(part.a, {"mantissa": a[0], "exponent": a[1]})
            ctx.set(part.b, {"mantissa": b[0], "exponent": b[1]})
            found.append((ctx.get(part.o.mantissa), ctx.get(part.o.exponent)))
            await ctx.tick()

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    wrapped = [(m, (e + 2048) % 4096 - 2048) for m, e in expected]
    assert found[config.latency :] == wrapped
