"""The delay line: what was there so many steps ago, whatever happens between steps."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from sterna_hw.base import DEVICES
from sterna_hw.delay_line import delay_line, delay_line_cost


@pytest.mark.parametrize("tile_depth", [1, 2, 3, 8])
@pytest.mark.parametrize("delay", [1, 2, 3, 4, 5, 9, 17])
def test_delays_by_steps(delay, tile_depth):
    m = Module()
    value, step, clear = Signal(8), Signal(), Signal()
    out = delay_line(m, value, delay, step, clear=clear, tile_depth=tile_depth)
    generator = random.Random(delay)
    sampled: list[int] = []

    async def bench(ctx):
        is_cleared = False
        for _ in range(120):
            moves, clears = generator.random() < 0.7, generator.random() < 0.1
            now = generator.getrandbits(8)
            ctx.set(value, now)
            ctx.set(step, moves)
            ctx.set(clear, clears)
            if len(sampled) >= delay:
                assert ctx.get(out) == (0 if is_cleared else sampled[-delay])
            if moves:
                sampled.append(now)
            # A cleared result stays so until the line moves without clearing.
            is_cleared = clears or (is_cleared and not moves)
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("device", DEVICES)
def test_cost_grows(device):
    costs = [delay_line_cost(DEVICES[device], 20, delay).lut for delay in (1, 20, 60)]
    assert costs == sorted(costs) and costs[0] < costs[-1]
