"""Multipliers that serve several products in turn, where beats come every few cycles only.

If a beat is accepted at most every n cycles, a multiplier has time for n products of each beat. The
products of all elements are placed one after another: each goes to the first multiplier of its
class that has a free cycle, not earlier than its operands are ready. All products of one multiplier
lie within n successive cycles after their beat was accepted, so the next beat, which comes n or
more cycles later, can never meet them, whatever the distance between beats. Products that cannot
fit any multiplier, because they wait for another product, get one of their own.

A class is how many pieces its factors are cut into for DSP blocks (see `multiply`), so products of
different widths share too. Very small products are logic and not shared. Nothing but multipliers is
shared: additions cost less than the multiplexers that would feed them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..base import Cost, Device
from ..multiply import MultiplyConfig
from .graph import Node
from .schedule import Kind, Schedule, Time, finish, multiplier, ready_time

__all__ = ["Product", "SharedSchedule", "Unit", "share"]

SMALLEST_SHARED_WIDTH = 5
"""Products with a factor of fewer bits are not shared."""

Product = tuple[Node, int]
"""A product and the number of its element."""


@dataclass
class Unit:
    """One multiplier: in which cycle it takes the factors of which product."""

    starts: dict[int, Product] = field(default_factory=dict)

    def first_free(self, ready: int, interval: int) -> int | None:
        """The first cycle from ``ready`` on that is free and keeps all within ``interval``."""
        low, high = min(self.starts), max(self.starts)
        for cycle in range(max(ready, high - interval + 1), low + interval):
            if cycle not in self.starts:
                return cycle
        return None

    @property
    def config(self) -> MultiplyConfig:
        """A multiplier for the factors of all its products."""
        pairs = [ordered_factors(node) for node, _ in self.starts.values()]
        first, second = pairs[0][0].range, pairs[0][1].range
        for a, b in pairs[1:]:
            first, second = first.union(a.range), second.union(b.range)
        return MultiplyConfig(first, second)


@dataclass(frozen=True)
class SharedSchedule:
    """A schedule for each element, and the multipliers.

    ``elements`` have the same nodes, outputs, kinds and latency, but times of their own.
    """

    elements: tuple[Schedule, ...]
    units: tuple[Unit, ...]

    @property
    def latency(self) -> int:
        return self.elements[0].latency

    def unit_cost(self, device: Device) -> Cost:
        """Estimate of the multipliers and of the choice in front of each."""
        total = Cost()
        for unit in self.units:
            config = unit.config
            bits = config.value_range.width + config.multiplier_range.width
            inputs = 1 if device.family == "ecp5" else 2
            choices = -(-len(unit.starts) // inputs) * bits if len(unit.starts) > 1 else 0
            total += config.cost(device) + Cost(lut=choices)
        return total


def ordered_factors(node: Node) -> tuple[Node, Node]:
    """The factors, the one of more pieces first."""
    a, b = node.operands
    value, other = multiplier(node).pieces
    return (a, b) if value >= other else (b, a)


def is_shared(node: Node, kinds: Mapping[Node, Kind]) -> bool:
    """Whether products of this node take turns."""
    return (
        node.operation == "multiply"
        and kinds[node] is Kind.ELEMENT
        and min(operand.width for operand in node.operands) >= SMALLEST_SHARED_WIDTH
    )


def share(table: Schedule, count: int, depth: int, interval: int) -> SharedSchedule:
    """Places the products of ``count`` elements that come every ``interval`` cycles at most.

    Parameters
    ----------
    table : :class:`~.schedule.Schedule`
        Of one element, every product with a multiplier of its own.
    count, depth, interval : :class:`int`
        Elements of a beat, levels of logic in a cycle, cycles between beats.
    """
    classes: dict[tuple[int, ...], list[Unit]] = {}
    times: list[dict[Node, Time]] = [{} for _ in range(count)]
    for node in table.nodes:
        for number, own in enumerate(times):
            if table.kinds[node] is not Kind.ELEMENT and number:
                own[node] = times[0][node]
                continue
            ready = ready_time(node, own, table.kinds)
            if is_shared(node, table.kinds):
                own[node] = _place((node, number), ready, depth, interval, classes)
            else:
                own[node] = finish(node, ready, depth)
    waited = [own[node] for node in table.outputs if table.kinds[node] > Kind.HELD for own in times]
    latency = max((time.cycle + (time.level > 0) for time in waited), default=0)
    elements = tuple(Schedule(table.outputs, own, table.kinds, latency) for own in times)
    return SharedSchedule(elements, tuple(unit for units in classes.values() for unit in units))


def _place(
    product: Product,
    ready: Time,
    depth: int,
    interval: int,
    classes: dict[tuple[int, ...], list[Unit]],
) -> Time:
    node = product[0]
    config = multiplier(node)
    units = classes.setdefault(tuple(sorted(config.pieces)), [])
    # The choice among products stands between the operands and the multiplier's registers.
    choice = 0.0 if interval == 1 else 1 + (interval > 2) + (interval > 8)
    earliest = ready.cycle + (ready.level > 0 and ready.level + choice > depth)
    best: tuple[int, Unit] | None = None
    for unit in units:
        cycle = unit.first_free(earliest, interval)
        if cycle is not None and (best is None or cycle < best[0]):
            best = cycle, unit
    if best is None:
        best = earliest, Unit()
        units.append(best[1])
    cycle, unit = best
    unit.starts[cycle] = product
    return Time(cycle + config.latency, 0)
