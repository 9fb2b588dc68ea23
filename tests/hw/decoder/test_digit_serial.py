"""Serial quotients and roots: against integers of Python, in the cycle that they promise."""

import math
import random

import pytest
from amaranth.sim import Simulator

from sterna_hw.decoder.digit_serial import SerialQuotientConfig, SerialRootConfig


def run(part, cases, result):
    """Result of each case, and in which cycle after its start ``done`` came."""
    found = []

    async def bench(ctx):
        for case in cases:
            for name, value in case.items():
                ctx.set(getattr(part, name), value)
            ctx.set(part.start, 1)
            await ctx.tick()
            ctx.set(part.start, 0)
            cycles = 1
            while not ctx.get(part.done):
                await ctx.tick()
                cycles += 1
            found.append((ctx.get(getattr(part, result)), cycles))

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
@pytest.mark.parametrize(("width", "digits"), [(17, 15), (24, 17), (1, 3), (5, 1)])
def test_quotient(width, digits, seed):
    generator = random.Random(seed)
    cases = []
    for _ in range(20):
        divisor = generator.randrange(1, 1 << width)
        cases.append({"divisor": divisor, "dividend": generator.randrange(divisor)})
    top = (1 << width) - 1
    cases.append({"divisor": top, "dividend": top - 1})
    config = SerialQuotientConfig(width, digits)
    expected = [((case["dividend"] * 2**digits) // case["divisor"], digits + 1) for case in cases]
    assert run(config.create(), cases, "quotient") == expected
    assert [config.compute(**case) for case in cases] == [value for value, _ in expected]


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
@pytest.mark.parametrize("digits", [1, 5, 24])
def test_root(digits, seed):
    generator = random.Random(seed)
    radicands = [generator.getrandbits(2 * digits) for _ in range(20)]
    roots = [generator.getrandbits(digits) for _ in range(5)]
    radicands += [root * root for root in roots] + [max(root * root - 1, 0) for root in roots]
    radicands += [0, 4**digits - 1]
    config = SerialRootConfig(digits)
    found = run(config.create(), [{"radicand": radicand} for radicand in radicands], "root")
    for radicand, (root, cycles) in zip(radicands, found):
        assert root * root <= radicand < (root + 1) ** 2
        assert root == math.isqrt(radicand) == config.compute(radicand)
        assert cycles == digits + 1 == config.latency


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SerialQuotientConfig(0, 3), "Divisor width must be 1 or more, not 0"),
        (lambda: SerialQuotientConfig(3, 0), "Digits must be 1 or more, not 0"),
        (lambda: SerialRootConfig(-1), "Digits must be 1 or more, not -1"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
