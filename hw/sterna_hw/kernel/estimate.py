"""What a scheduled kernel is expected to take: its operations, and the registers between cycles.

Additions, comparisons and choices take a look-up table for each bit; wide equalities reduce several
bits in one. A value that is wanted in later cycles than its own is registered once a cycle, or in
shift registers where the device has them. Estimates, not measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..base import Cost, Device
from ..credit import delay_cost
from .graph import FREE, Node
from .schedule import Kind, Schedule, macro_latency, multiplier, rom
from .split import chain_width

__all__ = ["element_cost", "last_wanted", "operation_cost"]


def last_wanted(table: Schedule) -> dict[Node, int]:
    """The last cycle in which each value is wanted; wires hand it on to their operands."""
    wanted: dict[Node, int] = {node: table.latency for node in table.outputs}
    for node in reversed(table.nodes):
        if node.operation in FREE:
            cycle = wanted.get(node, 0)
        else:
            cycle = table.times[node].cycle - macro_latency(node)
        for operand in node.operands:
            wanted[operand] = max(wanted.get(operand, 0), cycle)
    return wanted


def operation_cost(node: Node, device: Device) -> Cost:
    """Of one operation without the registers behind it."""
    if node.operation == "multiply":
        return multiplier(node).cost(device)
    inputs = 4 if device.family == "ecp5" else 6
    if node.operation == "table":
        memory = rom(node)
        if memory is not None:
            return memory.cost(device)
        return Cost(lut=node.width * max(1, len(node.detail) >> inputs))
    if node.operation == "equal":
        bits = max(operand.width for operand in node.operands)
        return Cost(lut=-(-bits * (1 if node.operands[1].is_constant else 2) // (inputs - 1)))
    if node.operation in ("select", "and", "or", "xor"):
        return Cost(lut=node.width)
    return Cost(lut=chain_width(node))


def element_cost(
    table: Schedule,
    device: Device,
    kinds: Collection[Kind],
    interval: int = 1,
    skip: Callable[[Node], bool] = lambda node: False,
) -> Cost:
    """Of all values of some kinds, once; not of the operations that ``skip`` names.

    With an ``interval`` above 1 a register keeps its value for so many cycles.
    """
    total, wanted = Cost(), last_wanted(table)
    for node in table.nodes:
        if table.kinds[node] not in kinds or node.operation in FREE or node.is_constant:
            continue
        if not skip(node):
            total += operation_cost(node, device)
        time = table.times[node]
        cycles = wanted.get(node, time.cycle) - time.cycle
        if table.kinds[node] is Kind.HELD:
            cycles = int(time.level > 0)
        if interval > 1:
            total += Cost(ff=node.width * -(-cycles // interval))
        else:
            total += delay_cost(device, node.width, cycles)
    return total
