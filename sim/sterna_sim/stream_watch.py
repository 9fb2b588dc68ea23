"""Runs a whole accelerator in Amaranth's simulator and writes down every beat of its streams.

One simulator plays frames under several stall profiles, one after the other with a reset between,
since making the simulator takes longer than running a small design. Beside the AXI4-Stream ends it
samples the output streams of all instances in the top, so that a wrong value or a wrong cycle is
seen where it arises; it also checks the rule that a beat offered stays, unchanged, until it is
taken. Junk lies on the data pins whenever valid is low.

Cycles count from the first cycle of the parts, `RESET_CYCLES` after the reset pin went high: those
of the cycle model. It judges nothing. For small designs only: some thousand cycles a second.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, Flow
from amaranth.sim import Simulator

from sterna_hw.accelerator import RESET_CYCLES, Accelerator, AcceleratorConfig

from .axi_words import axi_words
from .design_description import FrameShape
from .stalls import StallProfile, find_profile

__all__ = ["StreamWatch", "watch_streams"]

Stream = tuple[str, str]
LINGER_CYCLES = 8
DEEPEST_EXPRESSION = 20_000


@dataclass
class StreamWatch:
    """One run: the beats of each stream, by instance and port, as (cycle, payload) pairs.

    ``taken`` has the cycles of beats at the input pins, ``given`` the beats at the output pins
    as numbers (``{tkeep, tlast, tdata}``). ``violations`` are broken stream rules, in words.
    """

    profile: str
    taken: list[int] = field(default_factory=list)
    given: list[tuple[int, int]] = field(default_factory=list)
    streams: dict[Stream, list[tuple[int, int]]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


class _OpenAccelerator(Accelerator):
    """An accelerator whose instances can be reached after it was elaborated."""

    instances: dict[str, Any]

    def elaborate(self, platform: object) -> Module:
        module = super().elaborate(platform)
        stages = [stage.name for stage in self.config.stages]
        names = ["input_edge", *stages, "output_edge"]
        self.instances = {name: module.submodules[name] for name in names}
        return module


def watch_streams(
    config: AcceleratorConfig,
    frames: np.ndarray,
    profiles: Sequence[str],
    seed: int = 0,
    max_cycles: int = 20_000,
    beats: Mapping[Stream, int] | None = None,
) -> list[StreamWatch]:
    """One run of int64 ``frames`` (frames, elements) for each stall profile.

    A run ends some cycles after its last output beat and the last of so many ``beats`` of streams
    inside (the end of an image may still be on its way, where no output depends on it), or after
    ``max_cycles``: what is missing then did not come.
    """
    part = _OpenAccelerator(config)
    domain = ClockDomain("bench", reset_less=True)
    module = Module()
    module.domains += domain
    module.submodules.part = part
    module.d.comb += part.aclk.eq(ClockSignal("bench"))
    # Wide selections become deeply nested expressions of Python.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEPEST_EXPRESSION))
    try:
        simulator = Simulator(module)
    finally:
        sys.setrecursionlimit(limit)
    edge = config.input_edge
    words = list(axi_words(frames, FrameShape(edge.elements, edge.values, edge.count)))
    expected = len(frames) * config.output_edge.beats
    runs: list[StreamWatch] = []

    async def testbench(ctx: Any) -> None:
        for number, name in enumerate(profiles):
            if number:
                ctx.set(part.aresetn, 0)
                await ctx.tick("bench").repeat(2)
            ctx.set(part.aresetn, 1)
            run = _Run(ctx, part, words, find_profile(name), seed)
            runs.append(run.result)
            await run.play(expected, beats or {}, max_cycles)

    simulator.add_clock(1e-6, domain="bench")
    simulator.add_testbench(testbench)
    simulator.run()
    return runs


def _output_streams(instances: dict[str, Component]) -> Iterator[tuple[Stream, Any]]:
    for name, instance in instances.items():
        for port, member in instance.signature.members.items():
            if member.is_port or member.flow != Flow.Out:
                continue
            if isinstance(member.signature, stream.Signature):
                yield (name, port), getattr(instance, port)


class _Run:
    """The work between two resets."""

    def __init__(
        self,
        ctx: Any,
        part: _OpenAccelerator,
        words: Sequence[int],
        profile: StallProfile,
        seed: int,
    ) -> None:
        self.ctx, self.part, self.words, self.profile = ctx, part, words, profile
        self.source, self.sink = profile.source(seed, "s_axis"), profile.sink(seed, "m_axis")
        self.junk = random.Random(f"junk/{seed}")
        self.result = StreamWatch(profile.name)
        self.position, self.offered = 0, False
        watched = dict(_output_streams(part.instances))
        self.streams = list(watched)
        self.result.streams = {name: [] for name in watched}
        self.held: list[int | None] = [None] * len(watched)
        self.samples = [
            Cat(port.valid, port.ready, Value.cast(port.payload)) for port in watched.values()
        ]
        self.input_bits = len(part.s_axis_tdata)
        self.output = Cat(part.m_axis_tdata, part.m_axis_tlast, part.m_axis_tkeep)

    async def play(self, expected: int, beats: Mapping[Stream, int], max_cycles: int) -> None:
        cycle, quiet = -RESET_CYCLES, 0
        while quiet < LINGER_CYCLES and cycle < max_cycles:
            self._drive()
            _, _, taken, given, word, *sampled = await self.ctx.tick("bench").sample(
                self.part.s_axis_tvalid & self.part.s_axis_tready,
                self.part.m_axis_tvalid & self.part.m_axis_tready,
                self.output,
                *self.samples,
            )
            if taken:
                self.result.taken.append(cycle)
                self.position += 1
                self.offered = False
            if given:
                self.result.given.append((cycle, word))
            if cycle >= 0:
                self._record(cycle, sampled)
            done = len(self.result.given) >= expected and self.position == len(self.words)
            done = done and all(len(self.result.streams[name]) >= n for name, n in beats.items())
            quiet = quiet + 1 if done else 0
            cycle += 1

    def _drive(self) -> None:
        ctx, part = self.ctx, self.part
        may_offer = next(self.source)
        self.offered = self.position < len(self.words) and (self.offered or may_offer)
        word = self.words[self.position] if self.offered else self.junk.getrandbits(64)
        ctx.set(part.s_axis_tdata, word & ((1 << self.input_bits) - 1))
        ctx.set(part.s_axis_tlast, word >> self.input_bits & 1)
        ctx.set(part.s_axis_tvalid, self.offered)
        ready = next(self.sink)
        if self.profile.sink_waits:
            ready = ready and bool(ctx.get(part.m_axis_tvalid))
        ctx.set(part.m_axis_tready, ready)

    def _record(self, cycle: int, sampled: Sequence[int]) -> None:
        for index, value in enumerate(sampled):
            valid, ready, payload = value & 1, value >> 1 & 1, value >> 2
            held = self.held[index]
            if held is not None and (not valid or payload != held):
                what = "changed its beat" if valid else "took back a beat"
                name, port = self.streams[index]
                self.result.violations.append(f"Cycle {cycle}: {name}.{port} {what}")
            self.held[index] = payload if valid and not ready else None
            if valid and ready:
                self.result.streams[self.streams[index]].append((cycle, payload))
