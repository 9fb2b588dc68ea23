"""Runs a bare pipeline in the Amaranth simulator, a new set of values each cycle."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from sterna_hw.kernel import KernelPipeline

Beat = dict[str, Any]


def random_beats(config: KernelPipeline, beat_count: int, seed: int) -> list[Beat]:
    """Over the whole ranges, ends more often than chance would have them; held inputs once."""
    generator = random.Random(seed)

    def draw(name: str) -> int:
        low, high = config.inputs[name].low, config.inputs[name].high
        return generator.choice([low, high, *(generator.randint(low, high) for _ in range(6))])

    held = {name: draw(name) for name in config.held}
    beats = []
    for _ in range(beat_count):
        beat: Beat = dict(held)
        for name in config.inputs:
            if name in config.common:
                beat[name] = draw(name)
            elif name not in held:
                beat[name] = [draw(name) for _ in range(config.count)]
        beats.append(beat)
    return beats


def expected_beats(config: KernelPipeline, beats: Sequence[Beat]) -> list[Beat]:
    """By the kernel's function on Python integers: no array, no graph."""
    results = []
    for beat in beats:
        found: Beat = {name: [] for name in config.outputs}
        for number in range(config.count):
            values = [
                beat[name] if isinstance(beat[name], int) else beat[name][number]
                for name in config.function.inputs
            ]
            given: Any = config.function.function(*values, **config.constants)
            if isinstance(given, tuple):
                given = {f"result{place}": value for place, value in enumerate(given)}
            elif not isinstance(given, dict):
                given = {"data": given}
            for name, value in given.items():
                found[name].append(int(value))
        results.append(found)
    return results


def simulate(config: KernelPipeline, beats: Sequence[Beat]) -> list[Beat]:
    """Results of each beat, looked at exactly `latency` cycles later."""
    part, top = config.create(), Module()
    top.submodules.part = part
    top.d.sync += Signal().eq(0)  # a clock, also for pipelines that need none
    seen: list[Beat] = []

    async def bench(ctx: Any) -> None:
        for name in config.held:
            ctx.set(part.i[name], beats[0][name])
        for _ in range(config.held_latency):
            await ctx.tick()
        for beat in [*beats, *[beats[0]] * config.latency]:
            for name, values in beat.items():
                ctx.set(part.i[name], values)
            result = {name: ctx.get(part.o[name]) for name in config.outputs}
            seen.append({name: [int(v) for v in values] for name, values in result.items()})
            await ctx.tick()

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen[config.latency :]


def check_pipeline(config: KernelPipeline, seed: int, beat_count: int = 40) -> None:
    """Hardware equals the function, and results lie in the ranges that were proven for them."""
    beats = random_beats(config, beat_count, seed)
    expected = expected_beats(config, beats)
    for beat in expected:
        for name, values in beat.items():
            assert config.outputs[name].contains(values), (name, values)
    assert simulate(config, beats) == expected
