"""Decides in which cycle every value of a graph is computed.

Operations follow one another in the same cycle as long as their delays add up to at most ``depth``;
then a register stands between them. Delay is counted in levels of look-up tables; a carry chain
counts one level and one more for every eight bits, so that ``depth`` 4 means four levels or 24 bits
of carry. Chains that are longer are split first. Multipliers and memories bring registers of their
own: their operands are registered inside, their results arrive some cycles later at level 0.

Each operation is done as soon as its operands are there. A value has a *time*: the cycle in which
it is computed, and the level at which it is ready in that cycle. Results are registered, so they
are all ready at level 0 of cycle `Schedule.latency`.

A value also has a *kind*: constant, held (it depends only on inputs that stay while anything is in
the pipeline), common (the same for all elements of a beat) or element. Nobody waits for constants
and held values, which are always there; common values are built once.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..memory import MemoryConfig, pack_words
from ..multiply import MultiplyConfig
from .graph import FREE, Node, needed
from .split import chain_width, split_chains

__all__ = [
    "Kind", "Schedule", "Time", "finish", "levels", "longest_chain", "macro_latency", "multiplier",
    "rom", "schedule",
]  # fmt: skip

CARRY_BITS_PER_LEVEL = 8
LOGIC_TABLE_WIDTH = 6
"""Tables of an index of at most so many bits are plain logic."""
DISTRIBUTED_WIDTH = 8
"""Tables of an index of at most so many bits are logic with a register, larger ones memories."""


class Kind(enum.IntEnum):
    """On which inputs a value depends; the largest of its operands' kinds."""

    CONSTANT = 0
    HELD = 1
    COMMON = 2
    ELEMENT = 3


@dataclass(frozen=True, order=True)
class Time:
    """A cycle after the inputs', and the levels of logic before the value in that cycle."""

    cycle: int
    level: float


@dataclass(frozen=True)
class Schedule:
    """When each node is ready, and how many cycles after the inputs the results are."""

    outputs: tuple[Node, ...]
    times: Mapping[Node, Time]
    kinds: Mapping[Node, Kind]
    latency: int

    @property
    def nodes(self) -> list[Node]:
        """Operands first."""
        return list(self.times)


def longest_chain(depth: int) -> int:
    """Bits of the longest carry chain that fits ``depth`` levels."""
    return max(1, (depth - 1) * CARRY_BITS_PER_LEVEL)


def levels(node: Node) -> float:
    """Estimated levels of logic of one operation."""
    operation = node.operation
    chain = chain_width(node)
    if chain:
        return 1 + chain / CARRY_BITS_PER_LEVEL
    if operation == "equal":
        bits = node.operands[0].range.union(node.operands[1].range).width
        return _reduction_levels(bits if node.operands[1].is_constant else 2 * bits)
    if operation in ("and", "or", "xor"):
        return 0 if node.operands[1].is_constant else 1
    if operation == "select":
        return 1
    if operation == "table":
        return 1 if node.operands[0].width <= 4 else 2
    return 0


def _reduction_levels(bits: int) -> int:
    """Of a function of so many bits that look-up tables of four inputs can reduce."""
    count = 1
    while bits > 4:
        bits, count = -(-bits // 4), count + 1
    return count


def multiplier(node: Node) -> MultiplyConfig:
    """The multiplier of a product."""
    a, b = node.operands
    return MultiplyConfig(a.range, b.range, b.detail if b.is_constant else None)


def rom(node: Node) -> MemoryConfig | None:
    """The memory of a table; None if it is logic."""
    address = node.operands[0].width
    if address <= LOGIC_TABLE_WIDTH:
        return None
    width = node.width
    rows = pack_words([[row] for row in node.detail], width)  # type: ignore[arg-type]
    is_small = address <= DISTRIBUTED_WIDTH
    return MemoryConfig(
        "table", len(rows), width, rows, "distributed" if is_small else "block",
        read_latency=1 if is_small else 2,
    )  # fmt: skip


def macro_latency(node: Node) -> int:
    """Cycles inside a multiplier or a memory; 0 for what is plain logic."""
    if node.operation == "multiply":
        return multiplier(node).latency
    if node.operation == "table":
        config = rom(node)
        return config.read_latency if config else 0
    return 0


def schedule(
    outputs: Sequence[Node], depth: int, kinds: Mapping[str, Kind] | None = None
) -> Schedule:
    """Times of all nodes; ``kinds`` tells those of inputs that are not elements.

    The nodes are new ones, of a graph without long carry chains: `Schedule.outputs` stand for
    ``outputs`` in the same order.
    """
    outputs = tuple(split_chains(outputs, longest_chain(depth)))
    found: dict[Node, Kind] = {}
    times: dict[Node, Time] = {}
    for node in needed(outputs):
        if node.operation == "input":
            found[node] = (kinds or {}).get(node.detail, Kind.ELEMENT)
        else:
            found[node] = max((found[a] for a in node.operands), default=Kind.CONSTANT)
        times[node] = finish(node, ready_time(node, times, found), depth)
    waited = [times[node] for node in outputs if found[node] > Kind.HELD]
    latency = max((time.cycle + (time.level > 0) for time in waited), default=0)
    return Schedule(outputs, times, found, latency)


def ready_time(node: Node, times: Mapping[Node, Time], kinds: Mapping[Node, Kind]) -> Time:
    """When the last operand of a node is ready that it has to wait for."""
    patient = Kind.CONSTANT if kinds[node] <= Kind.HELD else Kind.HELD
    waited = (times[operand] for operand in node.operands if kinds[operand] > patient)
    return max(waited, default=Time(0, 0))


def finish(node: Node, ready: Time, depth: int) -> Time:
    """When a node is ready whose last operand is ready at ``ready``."""
    latency = macro_latency(node)
    if latency:
        # Logic in front of the first register of a memory is the memory's own decoding.
        decoding = 2.0 if node.operation == "table" else 0.0
        start = ready.cycle + (ready.level > 0 and ready.level + decoding > depth)
        return Time(start + latency, 0)
    own = levels(node)
    if node.operation in FREE or own == 0:
        return ready
    if ready.level and ready.level + own > depth:
        return Time(ready.cycle + 1, own)
    return Time(ready.cycle, ready.level + own)
