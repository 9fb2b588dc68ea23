"""Plays a part that never waits cycle by cycle: given inputs, what do the outputs show?

Inputs that a row does not name are driven with random junk when they are wider than one bit, and
low when they are single bits, so that nothing depends on what stands beside a flag that is low.
Of an input stream, which must always be ready, ``valid`` and ``payload`` are inputs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amaranth.hdl import Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

__all__ = ["fields", "play", "signed", "split"]


def play(
    component: wiring.Component,
    rows: Sequence[Mapping[str, int]],
    watch: Sequence[str],
    seed: int,
    react: Callable[[int, Mapping[str, int]], Mapping[str, int]] | None = None,
) -> list[dict[str, int]]:
    """One row of inputs a cycle; the watched outputs of each cycle, as plain bits. ``react`` sees
    them, with the cycle's number, and may add inputs in the same cycle."""
    junk = random.Random(seed)
    inputs: dict[str, Value] = {}
    for name, member in component.signature.members.items():
        if member.is_port and member.flow == In:
            inputs[name] = Value.cast(getattr(component, name))
        elif not member.is_port and member.flow == In:
            stream = getattr(component, name)
            inputs[f"{name}.valid"] = stream.valid
            inputs[f"{name}.payload"] = Value.cast(stream.payload)
    seen: list[dict[str, int]] = []

    async def testbench(ctx: Any) -> None:
        for cycle, row in enumerate(rows):
            for name, signal in inputs.items():
                rest = junk.getrandbits(len(signal)) if len(signal) > 1 else 0
                value = row.get(name, rest) & ((1 << len(signal)) - 1)
                ctx.set(signal, signed(value, len(signal)) if signal.shape().signed else value)
            now = {name: ctx.get(Value.cast(getattr(component, name))) for name in watch}
            seen.append(now)
            for name, value in (react(cycle, now) if react else {}).items():
                ctx.set(inputs[name], value)
            await ctx.tick()

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return seen


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) & 1 else value


def fields(values: Sequence[int], width: int) -> int:
    """Numbers side by side, the first in the low bits."""
    return sum(
        (int(value) & (1 << width) - 1) << width * place for place, value in enumerate(values)
    )


def split(value: int, width: int, count: int, is_signed: bool = False) -> list[int]:
    """The inverse of `fields`."""
    parts = [value >> width * place & (1 << width) - 1 for place in range(count)]
    return [signed(part, width) for part in parts] if is_signed else parts
