"""Recovery and the watch on the memory ports: stop, wait for rest, reset, fit again."""

from __future__ import annotations

import random

import pytest
from amaranth.sim import Simulator

from sterna_hw.decoder.axi_watch import AxiWatchConfig
from sterna_hw.decoder.recovery import RecoveryConfig


def simulate(part, script) -> None:
    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(script)
    simulator.run()


@pytest.mark.parametrize("fails", [True, False])
def test_a_failure_halts_until_memory_rests(fails: bool) -> None:
    part = RecoveryConfig().create()

    async def script(ctx) -> None:
        await ctx.tick().repeat(3)
        assert not ctx.get(part.halt)
        if fails:
            ctx.set(part.fatal, 1)
            await ctx.tick().repeat(50)
            assert ctx.get(part.halt) and ctx.get(part.failed) and not ctx.get(part.reset)
        ctx.set(part.recover, 1)
        await ctx.tick()
        ctx.set(part.recover, 0)
        for _ in range(100):
            assert ctx.get(part.halt) and ctx.get(part.recovering) and not ctx.get(part.reset)
            await ctx.tick()
        ctx.set(part.quiet, 1)
        resets = 0
        while ctx.get(part.recovering):
            resets += ctx.get(part.reset)
            if ctx.get(part.reset):
                ctx.set(part.fatal, 0)
            await ctx.tick()
        assert resets >= 4 and not ctx.get(part.reset)
        assert not ctx.get(part.halt) and not ctx.get(part.failed)
        await ctx.tick().repeat(20)
        assert not ctx.get(part.halt)

    simulate(part, script)


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_quiet_means_that_nothing_is_under_way(seed: int) -> None:
    choose = random.Random(seed)
    ports = 1 + seed % 4
    part = AxiWatchConfig(ports).create()

    async def script(ctx) -> None:
        reads, writes, calm = [0] * ports, [0] * ports, 0
        busy_for, was_quiet = 0, 0
        for cycle in range(1500):
            busy_phase = cycle // 150 % 2 == 0
            bits: dict[str, int] = dict.fromkeys(
                ("read_begins", "read_ends", "write_begins", "write_ends", "offers", "beats"), 0
            )
            for port in range(ports):
                for counts, name in ((reads, "read"), (writes, "write")):
                    if counts[port] and choose.random() < 0.3:
                        bits[f"{name}_ends"] |= 1 << port
                        counts[port] -= 1
                    if busy_phase and choose.random() < 0.2 and counts[port] < 200:
                        bits[f"{name}_begins"] |= 1 << port
                        counts[port] += 1
            if busy_phase and choose.random() < 0.1:
                bits["offers"] = 1
            for name, value in bits.items():
                ctx.set(getattr(part, name), value)
            await ctx.tick()
            calm = 0 if any(reads) or any(writes) or bits["offers"] else calm + 1
            # It is a register behind two others, after as many calm cycles as it waits for.
            if ctx.get(part.quiet):
                assert busy_for < 3 and (calm >= 10 or was_quiet)
            busy_for = 0 if calm else busy_for + 1
            was_quiet = ctx.get(part.quiet)
            if calm >= 40:
                assert ctx.get(part.quiet)

    simulate(part, script)
