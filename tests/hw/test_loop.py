"""The loop counter: value and flags at each step, for short and long loops."""

from __future__ import annotations

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from sterna_hw.loop import Loop


@pytest.mark.parametrize("init", [0, 1])
@pytest.mark.parametrize("limit", [2, 3, 4, 7])
def test_wraps_with_its_flags(limit, init):
    m = Module()
    step = Signal()
    loop = Loop(m, limit, step, "loop", init=init)

    async def bench(ctx):
        value = init
        for cycle in range(4 * limit):
            moves = cycle % 3 != 1
            ctx.set(step, moves)
            seen = tuple(ctx.get(signal) for signal in (loop.value, loop.is_first, loop.is_last))
            assert seen == (value, value == 0, value == limit - 1)
            value = (value + moves) % limit
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_a_loop_of_one_step_is_constant():
    m = Module()
    loop = Loop(m, 1, Signal(), "loop")
    assert (loop.value.value, loop.is_first.value, loop.is_last.value) == (0, 1, 1)
