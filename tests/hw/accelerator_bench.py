"""Runs a whole accelerator in Amaranth's simulator through its AXI pins.

One testbench moves the AXI4-Stream ends cycle by cycle under a stall profile, with junk on the data
pins whenever valid is low, and records every transfer; a script may use AXI4-Lite beside it. Cycles
count from the first one in which the reset pin is high. For small designs only.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.sim import Simulator

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.axi_stream import element_bytes
from sterna_hw.base import IntegerRange
from sterna_hw.beat import to_beats
from sterna_sim.stalls import find_profile

from .axi_lite_manager import AxiLiteManager

Words = list[tuple[int, bool]]
Script = Callable[["AcceleratorBench", Any], Awaitable[None]]


def axi_words(frames: np.ndarray, values: IntegerRange, count: int) -> Words:
    """TDATA and TLAST of each beat, from the definition of the byte lanes."""
    size, words = element_bytes(values), []
    for frame in to_beats(frames, count):
        for index, beat in enumerate(frame.tolist()):
            lanes = b"".join((value % (1 << 8 * size)).to_bytes(size, "little") for value in beat)
            words.append((int.from_bytes(lanes, "little"), index == len(frame) - 1))
    return words


@dataclass
class AcceleratorBench:
    """One accelerator and what happened to it."""

    config: AcceleratorConfig
    words: Words = field(default_factory=list)
    profile: str = "none"
    seed: int = 0
    taken: list[int] = field(default_factory=list)
    given: list[tuple[int, int, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.part = self.config.create()
        self.manager = AxiLiteManager(self.part, "s_axil_", domain="bench")
        self.domain = ClockDomain("bench")
        self.finished = False

    def run(
        self,
        expected_words: int,
        script: Script | None = None,
        max_cycles: int = 6000,
        beside: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        """Feeds all words and waits for the expected ones; a script runs to its end as well, what
        is ``beside`` it, such as a memory, for ever."""
        module = Module()
        module.domains += self.domain
        module.submodules.part = self.part
        module.d.comb += [
            self.part.aclk.eq(ClockSignal("bench")),
            self.part.aresetn.eq(~ResetSignal("bench")),
        ]
        scripts_left = [script] if script else []

        async def streams(ctx: Any) -> None:
            profile, junk = find_profile(self.profile), random.Random(self.seed)
            source, sink = profile.source(self.seed, "i"), profile.sink(self.seed, "o")
            part, offered, cycle, quiet = self.part, False, 0, 0
            while quiet < 8 or scripts_left:
                assert cycle < max_cycles, f"{len(self.given)} of {expected_words} words came out"
                offered = bool(self.words) and (offered or next(source))
                word, last = (
                    self.words[0] if offered else (junk.getrandbits(64), junk.random() < 0.5)
                )
                ctx.set(part.s_axis_tvalid, offered)
                ctx.set(part.s_axis_tdata, word & ((1 << len(part.s_axis_tdata)) - 1))
                ctx.set(part.s_axis_tlast, last)
                ready = next(sink) and (not profile.sink_waits or bool(ctx.get(part.m_axis_tvalid)))
                ctx.set(part.m_axis_tready, ready)
                if offered and ctx.get(part.s_axis_tready):
                    self.taken.append(cycle)
                    self.words.pop(0)
                    offered = False
                if ready and ctx.get(part.m_axis_tvalid):
                    word, last = ctx.get(part.m_axis_tdata), bool(ctx.get(part.m_axis_tlast))
                    self.given.append((cycle, word, last))
                await ctx.tick("bench")
                cycle += 1
                done = len(self.given) >= expected_words and not self.words
                quiet = quiet + 1 if done else 0
            self.finished = True

        async def scripted(ctx: Any) -> None:
            if script:
                await script(self, ctx)
                scripts_left.clear()

        simulator = Simulator(module)
        simulator.add_clock(1e-6, domain="bench")
        simulator.add_testbench(streams)
        simulator.add_testbench(scripted)
        if beside is not None:
            simulator.add_testbench(beside, background=True)
        simulator.run()
        assert len(self.given) == expected_words

    def frames(self) -> np.ndarray:
        """The frames that came out, after a check of TLAST and of the padding."""
        edge = self.config.output_edge
        size = element_bytes(edge.values)
        elements: list[int] = []
        for index, (_, word, last) in enumerate(self.given):
            assert last == (index % edge.beats == edge.beats - 1)
            lanes = word.to_bytes(edge.bytes, "little")
            elements += [
                int.from_bytes(lanes[at : at + size], "little", signed=edge.values.signed)
                for at in range(0, len(lanes), size)
            ]
        whole = np.array(elements, dtype=np.int64).reshape(-1, edge.beats * edge.count)
        assert not whole[:, edge.elements :].any(), "padding must be zero"
        return whole[:, : edge.elements]

    async def reset(self, ctx: Any) -> None:
        """Pulls the reset pin for two cycles."""
        ctx.set(self.domain.rst, 1)
        for _ in range(2):
            await ctx.tick("bench")
        ctx.set(self.domain.rst, 0)
