"""Runs one part in Amaranth's simulator between stalling sources and sinks.

One testbench moves all ports, cycle by cycle. It puts forward input beats as the stall profile
allows, drives random junk on an input's payload whenever its ``valid`` is low, and records every
transfer. While doing so it checks the rules of streams and of the house: a beat offered stays,
unchanged, until it is taken; nothing comes out beyond what was expected; an output does not change
within a cycle when any ready or valid does (outputs are registered), and an input's ``ready`` does
not change with an output's ``ready``.

A run with ``reset_at`` raises ``rst`` for one cycle in mid-work and then starts over with the first
input beat, so its result must equal that of a run without. It is for small parts: the simulator
makes some thousand cycles per second.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib import wiring
from amaranth.sim import Simulator

from .part_run import BenchError, PartRun
from .stalls import StallProfile, find_profile

__all__ = ["run_part"]

PROBE_EVERY = 16
"""In one cycle of so many, the inputs are wiggled to look for combinational paths."""


def run_part(
    component: wiring.Component,
    inputs: Mapping[str, Sequence[int]],
    outputs: Mapping[str, int],
    profile: StallProfile | str = "none",
    seed: int = 0,
    *,
    reset_at: int | None = None,
    max_cycles: int = 50_000,
    linger_cycles: int = 12,
    controls: Mapping[str, Sequence[int]] | None = None,
    check: bool = True,
) -> PartRun:
    """Runs a part until every output port has given its expected number of beats.

    Parameters
    ----------
    component : :class:`amaranth.lib.wiring.Component`
        The part, with stream ports.
    inputs : mapping of port to payloads
        What each input port is to be fed, in order. Not all of it needs to be taken.
    outputs : mapping of port to :class:`int`
        How many beats each output port must give. Without any, all inputs must be taken.
    profile, seed
        The stalls (`sterna_sim.stalls`) and the seed of stalls and junk.
    reset_at : :class:`int`, optional
        Raises ``rst`` in this cycle, then starts over: the result holds only what came after.
    max_cycles : :class:`int`
        Patience, from the (last) reset.
    linger_cycles : :class:`int`
        How long to go on after the last expected beat, to see that no other follows. 0 for a part
        that plays for ever.
    controls : mapping of signal to values, optional
        Other inputs by dotted name (``load.address``): the value in each cycle, the last one stays.
    check : :class:`bool`
        Raise when a rule is broken; otherwise violations are only listed.

    Raises
    ------
    BenchError
        If the part broke a rule (and ``check``), or did not deliver within ``max_cycles``.
    """
    profile = find_profile(profile) if isinstance(profile, str) else profile
    domain = ClockDomain("sync")
    module = Module()
    module.domains += domain
    module.submodules.part = component
    runs: list[_Run] = []

    def new_run(ctx: Any) -> _Run:
        runs.append(_Run(ctx, component, inputs, outputs, profile, seed, controls or {}))
        return runs[-1]

    async def testbench(ctx: Any) -> None:
        if reset_at is not None:
            run = new_run(ctx)
            for _ in range(reset_at):
                await run.play_cycle()
            ctx.set(domain.rst, 1)
            await ctx.tick()
            ctx.set(domain.rst, 0)
        run = new_run(ctx)
        while not run.is_done:
            if run.cycle >= max_cycles:
                raise BenchError(f"Not done after {max_cycles} cycles: {run.progress()}")
            await run.play_cycle()
        run.lingers = True
        for _ in range(linger_cycles):
            await run.play_cycle()

    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    result = runs[-1].result
    result.violations = [text for run in runs for text in run.result.violations]
    if check and result.violations:
        raise BenchError("; ".join(result.violations[:5]))
    return result


class _Port:
    """A stream port seen from outside."""

    def __init__(self, component: wiring.Component, name: str) -> None:
        stream = _find(component, name)
        self.name = name
        self.valid, self.ready = stream.valid, stream.ready
        self.payload = Value.cast(stream.payload)
        self.width = len(self.payload)
        self.is_ready = False


class _Run:
    """The work between two resets: `play_cycle` is one clock cycle."""

    def __init__(
        self,
        ctx: Any,
        component: wiring.Component,
        inputs: Mapping[str, Sequence[int]],
        outputs: Mapping[str, int],
        profile: StallProfile,
        seed: int,
        controls: Mapping[str, Sequence[int]],
    ) -> None:
        self.ctx = ctx
        self.cycle = 0
        self.lingers = False
        self.result = PartRun({name: [] for name in outputs}, {name: [] for name in inputs})
        self.beats = inputs
        self.expected = outputs
        self.sources = [_Port(component, name) for name in inputs]
        self.sinks = [_Port(component, name) for name in outputs]
        self.source_rows = {name: profile.source(seed, name) for name in inputs}
        self.sink_rows = {name: profile.sink(seed, name) for name in outputs}
        self.sink_waits = profile.sink_waits
        self.controls = [(Value.cast(_find(component, n)), row) for n, row in controls.items()]
        self.junk = random.Random(f"junk/{seed}")
        self.position = dict.fromkeys(inputs, 0)
        self.offers = dict.fromkeys(inputs, False)
        self.held: dict[str, int | None] = dict.fromkeys(outputs)
        self.samples = [port.ready for port in self.sources]
        self.samples += [signal for port in self.sinks for signal in (port.valid, port.payload)]

    @property
    def is_done(self) -> bool:
        if self.expected:
            return all(len(self.result.outputs[n]) >= many for n, many in self.expected.items())
        return all(self.position[name] == len(beats) for name, beats in self.beats.items())

    def progress(self) -> str:
        given = [f"{n} gave {len(self.result.outputs[n])} of {m}" for n, m in self.expected.items()]
        taken = [f"{n} took {self.position[n]} of {len(b)}" for n, b in self.beats.items()]
        return ", ".join(given + taken)

    async def play_cycle(self) -> None:
        self._drive()
        if self.cycle % PROBE_EVERY == PROBE_EVERY - 1:
            self._probe()
        _, _, *sampled = await self.ctx.tick().sample(*self.samples)
        for port, ready in zip(self.sources, sampled):
            if self.offers[port.name] and ready:
                self.offers[port.name] = False
                self.position[port.name] += 1
                if not self.lingers:
                    self.result.taken[port.name].append(self.cycle)
        rest = iter(sampled[len(self.sources) :])
        for port, valid, payload in zip(self.sinks, rest, rest):
            self._receive(port, bool(valid), payload)
        self.cycle += 1

    def _drive(self) -> None:
        ctx = self.ctx
        for signal, row in self.controls:
            if self.cycle < len(row):
                ctx.set(signal, row[self.cycle])
        for port in self.sources:
            name, beats = port.name, self.beats[port.name]
            may_offer = next(self.source_rows[name])
            if self.offers[name]:
                continue
            self.offers[name] = may_offer and self.position[name] < len(beats)
            junk = self.junk.getrandbits(port.width)
            ctx.set(port.payload, beats[self.position[name]] if self.offers[name] else junk)
            ctx.set(port.valid, self.offers[name])
        for port in self.sinks:
            ready = next(self.sink_rows[port.name])
            if self.sink_waits:
                ready = ready and bool(ctx.get(port.valid))
            self._set_ready(port, ready)

    def _set_ready(self, port: _Port, ready: bool) -> None:
        port.is_ready = ready
        self.ctx.set(port.ready, ready)

    def _receive(self, port: _Port, valid: bool, payload: int) -> None:
        held = self.held[port.name]
        if held is not None and not valid:
            self._complain(port, "took back a beat before it was taken")
        elif held is not None and held != payload:
            self._complain(port, f"changed its beat from {held:#x} to {payload:#x}")
        self.held[port.name] = payload if valid and not port.is_ready else None
        if valid and port.is_ready:
            if len(self.result.outputs[port.name]) >= self.expected[port.name] and self.lingers:
                self._complain(port, f"gave beat {payload:#x} that nobody expected")
            else:
                self.result.outputs[port.name].append((self.cycle, payload))

    def _probe(self) -> None:
        """Flips every ``ready`` and ``valid`` from outside: no registered output may follow."""
        ctx = self.ctx
        for moved, is_sink in [(p, True) for p in self.sinks] + [(p, False) for p in self.sources]:
            signal = moved.ready if is_sink else moved.valid
            before = self._look(is_sink)
            now = ctx.get(signal)
            ctx.set(signal, not now)
            for (name, was), (_, is_now) in zip(before, self._look(is_sink)):
                if was != is_now:
                    word = "ready" if is_sink else "valid"
                    self._complain(moved, f"moves {name} within the cycle by its {word}")
            ctx.set(signal, now)

    def _look(self, with_inputs: bool) -> list[tuple[str, int]]:
        seen = [(f"{p.name}.valid", self.ctx.get(p.valid)) for p in self.sinks]
        seen += [(f"{p.name}.payload", self.ctx.get(p.payload)) for p in self.sinks]
        if with_inputs:
            seen += [(f"{p.name}.ready", self.ctx.get(p.ready)) for p in self.sources]
        return seen

    def _complain(self, port: _Port, text: str) -> None:
        self.result.violations.append(f"Cycle {self.cycle}: {port.name} {text}")


def _find(component: wiring.Component, name: str) -> Any:
    found: Any = component
    for step in name.split("."):
        found = getattr(found, step)
    return found
