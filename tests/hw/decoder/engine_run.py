"""Drives the decoder's matrix engine: writes codes, gives commands, feeds weights, collects totals.

One testbench per port; payloads are junk whenever ``valid`` is low, and stalls are random with a
seed. It counts the cycles from the acceptance of each command to idle.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
from amaranth.hdl import ClockDomain, Module, Value
from amaranth.sim import Simulator

from sterna_hw.decoder.token_matmul import TokenMatmulConfig

LIMIT = 20_000


@dataclass
class Job:
    """A matrix for all lanes; ``drains`` name (lane, first block, blocks)."""

    activations: np.ndarray
    weights: np.ndarray
    drains: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class EngineRun:
    """What came out: a frame for each drain, and the cycles that each command took."""

    frames: list[np.ndarray] = field(default_factory=list)
    matmul_cycles: list[int] = field(default_factory=list)
    drain_cycles: list[int] = field(default_factory=list)


def run_token_matmul(
    config: TokenMatmulConfig,
    jobs: list[Job],
    seed: int,
    *,
    rate: float = 1.0,
    reset_at: int | None = None,
) -> EngineRun:
    """Runs all jobs in order; ``rate`` is how often a source or sink moves.

    With ``reset_at`` the first job is begun, interrupted in that cycle, and all jobs are run then.
    """
    top = Module()
    top.domains.sync = domain = ClockDomain("sync")
    top.submodules.engine = engine = config.create()
    result = EngineRun()
    rows = [row for job in jobs for row in config.pack(job.weights).tolist()]
    state = {"cycle": 0, "resets": 0, "frame": []}
    simulator = Simulator(top)
    simulator.add_clock(1e-6)

    async def control(ctx) -> None:
        generator = random.Random(seed)
        if reset_at is not None:
            await _start(ctx, generator, jobs[0])
            await ctx.tick().repeat(reset_at)
            ctx.set(domain.rst, 1)
            state["resets"] += 1
            await ctx.tick()
            ctx.set(domain.rst, 0)
        for job in jobs:
            begun = await _start(ctx, generator, job)
            result.matmul_cycles.append(await _until_idle(ctx) - begun)
            for lane, first, blocks in job.drains:
                ctx.set(engine.drain.payload.lane, lane)
                ctx.set(engine.drain.payload.first_block, first)
                ctx.set(engine.drain.payload.blocks, blocks)
                begun = await _offer(ctx, engine.drain)
                _junk(ctx, generator, engine.drain.payload)
                result.drain_cycles.append(await _until_idle(ctx) - begun)

    async def _start(ctx, generator: random.Random, job: Job) -> int:
        await _write(ctx, generator, job.activations)
        payload = engine.command.payload
        ctx.set(payload.input_blocks, config.input_blocks(job.weights.shape[1]))
        ctx.set(payload.output_blocks, config.output_blocks(job.weights.shape[0]))
        begun = await _offer(ctx, engine.command)
        _junk(ctx, generator, payload)
        return begun

    async def _write(ctx, generator: random.Random, activations: np.ndarray) -> None:
        count = config.queries
        writes = [
            (lane, start // count, vector[start : start + count])
            for lane, vector in enumerate(activations)
            for start in range(0, len(vector), count)
        ]
        generator.shuffle(writes)
        port = engine.activations
        for lane, address, codes in writes:
            ctx.set(port.enable, 1)
            ctx.set(port.lane, lane)
            ctx.set(port.address, address)
            junk = [generator.randint(-127, 127) for _ in range(count - len(codes))]
            ctx.set(port.data, [*codes.tolist(), *junk])
            await ctx.tick()
            ctx.set(port.enable, 0)

    async def _offer(ctx, port) -> int:
        ctx.set(port.valid, 1)
        while True:
            cycle = state["cycle"]
            *_, ready = await ctx.tick().sample(port.ready)
            if ready:
                ctx.set(port.valid, 0)
                return cycle

    async def _until_idle(ctx) -> int:
        for _ in range(LIMIT):
            cycle = state["cycle"]
            *_, idle = await ctx.tick().sample(engine.idle)
            if idle:
                return cycle
        raise AssertionError("the engine does not become idle")

    async def count_cycles(ctx) -> None:
        while True:
            await ctx.tick()
            state["cycle"] += 1

    async def feed(ctx) -> None:
        generator = random.Random(seed + 1)
        payload = engine.weights.payload
        number, resets = 0, 0
        while True:
            _junk(ctx, generator, payload)
            moves = number < len(rows) and generator.random() < rate
            ctx.set(engine.weights.valid, moves)
            if moves:
                ctx.set(payload.data, rows[number])
            while True:
                *_, taken = await ctx.tick().sample(engine.weights.ready & engine.weights.valid)
                if state["resets"] != resets:
                    number, resets = 0, state["resets"]
                    break
                number += taken
                if taken or not moves:
                    break

    async def drain(ctx) -> None:
        generator = random.Random(seed + 2)
        held = None
        while True:
            ctx.set(engine.o.ready, generator.random() < rate)
            o = engine.o
            *_, valid, ready, payload = await ctx.tick().sample(o.valid, o.ready, o.payload)
            if held is not None:
                assert valid and payload == held, "an offered beat must stay"
            held = payload if valid and not ready else None
            if valid and ready:
                state["frame"] += list(payload.data)
                if payload.last:
                    result.frames.append(np.array(state["frame"]))
                    state["frame"] = []

    simulator.add_testbench(count_cycles, background=True)
    simulator.add_testbench(control)
    simulator.add_testbench(feed, background=True)
    simulator.add_testbench(drain, background=True)
    simulator.run()
    return result


def _junk(ctx, generator: random.Random, payload) -> None:
    value = Value.cast(payload)
    ctx.set(value, generator.getrandbits(len(value)))
