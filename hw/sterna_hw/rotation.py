"""Rotates a row of lanes by an amount that changes every cycle, as a pipeline of registers.

Rotation by any amount is a chain of levels, each of which rotates by a fixed power of two or not at
all; this works for any number of lanes, not only powers of two. A register follows every second
level, so no path is longer than two multiplexers. Lanes that nobody reads, or that hold nothing but
zero, are left out level by level: rotating a few lanes into many goes from small steps to large
ones, and many into few from large to small, so the narrow end costs little.

Latency: `rotation_latency`; one row a cycle, no stalls, no enables.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value

from .credit import delay

__all__ = ["LEVELS_PER_REGISTER", "lanes_by_level", "rotate_from_few", "rotate_to_few"]
__all__ += ["rotation_latency"]

LEVELS_PER_REGISTER = 2


def rotation_levels(lanes: int) -> int:
    """Levels that reach every amount from 0 to ``lanes - 1``."""
    return (lanes - 1).bit_length()


def rotation_latency(lanes: int) -> int:
    """Registers of a rotation over ``lanes``."""
    return -(-rotation_levels(lanes) // LEVELS_PER_REGISTER)


def lanes_by_level(few: int, lanes: int) -> list[int]:
    """How many lanes carry anything between ``few`` and all, for each level by step 1, 2, 4..."""
    return [min(lanes, few + (1 << level) - 1) for level in range(rotation_levels(lanes) + 1)]


def rotate_to_few(m: Module, row: list[Value], amount: Value, few: int) -> list[Value]:
    """Lanes 0 to ``few - 1`` of ``row`` rotated down: result k is lane ``(amount + k) % len(row)``.

    ``amount`` is sampled together with ``row``.
    """
    count, width = len(row), len(row[0])
    needed = lanes_by_level(few, count)
    for done, level in enumerate(reversed(range(rotation_levels(count)))):
        if done and done % LEVELS_PER_REGISTER == 0:
            row, amount = [delay(m, lane, 1) for lane in row], delay(m, amount, 1)
        source, row = row, []
        for lane in range(needed[level]):
            chosen = Signal(width, name=f"down{level}_{lane}")
            far = source[(lane + (1 << level)) % count]
            m.d.comb += chosen.eq(Mux(amount[level], far, source[lane]))
            row.append(chosen)
    return [delay(m, lane, 1) for lane in row]


def rotate_from_few(m: Module, row: list[Value], amount: Value, lanes: int) -> list[Value]:
    """``row`` rotated up among ``lanes``: result ``(amount + k) % lanes`` is lane k, others zero.

    ``amount`` is sampled together with ``row``.
    """
    width = len(row[0])
    filled = lanes_by_level(len(row), lanes)
    zero = Const(0, width)
    for level in range(rotation_levels(lanes)):
        if level and level % LEVELS_PER_REGISTER == 0:
            row, amount = [delay(m, lane, 1) for lane in row], delay(m, amount, 1)
        source = row + [zero] * (lanes - len(row))
        row = []
        for lane in range(filled[level + 1]):
            chosen = Signal(width, name=f"up{level}_{lane}")
            m.d.comb += chosen.eq(
                Mux(amount[level], source[(lane - (1 << level)) % lanes], source[lane])
            )
            row.append(chosen)
    row = [delay(m, lane, 1) for lane in row]
    return row + [zero] * (lanes - len(row))
