"""Products over one and several DSP pieces, of every sign, against Python's integers."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.hdl import Module, Signal, Value
from amaranth.sim import Simulator

from sterna_hw.base import IntegerRange
from sterna_hw.beat import shape_of
from sterna_hw.multiply import MultiplyConfig


def products(config: MultiplyConfig, factors: list[tuple[int, int]]) -> list[int]:
    m = Module()
    value = Signal(shape_of(config.value_range))
    multiplier = Signal(shape_of(config.multiplier_range))
    product: Value = config.build(m, value, multiplier)
    seen: list[int] = []

    async def bench(ctx: Any) -> None:
        for a, b in factors + [factors[0]] * config.latency:
            ctx.set(value, a)
            ctx.set(multiplier, b)
            seen.append(ctx.get(product))
            await ctx.tick()

    m.d.sync += Signal().eq(0)  # a clock, also for products that need none
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen[config.latency :]


@pytest.mark.parametrize("seed", range(30), ids=lambda seed: f"seed{seed}")
def test_equals_python(seed: int) -> None:
    generator = random.Random(seed)

    def random_range() -> IntegerRange:
        width = generator.randrange(1, 40)
        return IntegerRange(
            -generator.getrandbits(width) * (seed % 2), generator.getrandbits(width)
        )

    values, multipliers = random_range(), random_range()
    ends = [(a, b) for a in (values.low, values.high) for b in (multipliers.low, multipliers.high)]
    factors = ends + [
        (
            generator.randint(values.low, values.high),
            generator.randint(multipliers.low, multipliers.high),
        )
        for _ in range(20)
    ]
    config = MultiplyConfig(values, multipliers)
    assert products(config, factors) == [a * b for a, b in factors]


@pytest.mark.parametrize("fixed", [0, 1, -1, 2, -8, 64, 3, -7, 1000])
def test_fixed_multiplier(fixed: int) -> None:
    values = IntegerRange(-20, 19)
    config = MultiplyConfig(values, IntegerRange(fixed, fixed), fixed)
    factors = [(value, fixed) for value in range(-20, 20)]
    assert products(config, factors) == [value * fixed for value in range(-20, 20)]
    assert (config.latency == 0) == (abs(fixed) in (0, 1, 2, 8, 64))
