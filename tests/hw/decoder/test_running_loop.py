"""The loop with a limit known at run time: value, first and last step, reload at any time."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from sterna_hw.decoder.running_loop import RunningLimit, RunningLoop


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_counts_and_wraps(seed):
    generator = random.Random(seed)
    m = Module()
    load, limit, step = Signal(), Signal(4), Signal()
    loop = RunningLoop(m, RunningLimit(m, load, limit, "limit"), step, "loop")

    async def bench(ctx) -> None:
        for steps in [1, 2, 3, 15, generator.randint(1, 15), 1]:
            ctx.set(load, 1)
            ctx.set(limit, steps)
            ctx.set(step, generator.randint(0, 1))
            await ctx.tick()
            ctx.set(load, 0)
            ctx.set(limit, generator.randint(0, 15))
            done = 0
            while done < 3 * steps + generator.randint(0, 2):
                moves = generator.randint(0, 1)
                ctx.set(step, moves)
                *_, value, first, last = await ctx.tick().sample(
                    loop.value, loop.is_first, loop.is_last
                )
                now = done % steps
                assert (value, first, last) == (now, now == 0, now == steps - 1)
                done += moves

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
