"""Turns arithmetic on narrow values into tables of plain logic, where that is cheaper.

Whatever depends on one value of at most six bits is a function of at most 64 rows, however many
operations it was written with, and each bit of it is one look-up table of six inputs (four of four
inputs and a multiplexer). So for every node the one narrow value is sought on which it alone
depends; where arithmetic behind such a value ends, its rows are computed by evaluating the graph
at every number of the value's proven range, and the table is taken if it needs fewer look-up tables
than the operations that it replaces. Larger tables are the user's decision (`functions.table`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base import find_device
from .estimate import operation_cost
from .functions import table_of_entries
from .graph import FREE, Graph, Node, evaluate, needed
from .schedule import LOGIC_TABLE_WIDTH
from .split import rebuilt

__all__ = ["tabulate"]

DSP_WORTH = 100
"""Look-up tables that a multiplier block is worth."""


def tabulate(outputs: Sequence[Node]) -> list[Node]:
    """The same outputs in a new graph, with tables where they are cheaper."""
    nodes = needed(outputs)
    roots = _roots(nodes)
    ends = _ends(nodes, outputs, roots)
    graph: Graph = Graph()
    changed: dict[Node, Node] = {}
    for node in nodes:
        root = roots[node]
        if node in ends and _is_cheaper(node, root):
            numbers = np.arange(root.range.low, root.range.high + 1).astype(object)
            (results,) = evaluate([node], {}, {root: numbers})
            results = np.broadcast_to(np.asarray(results, dtype=object), numbers.shape)
            entries = {int(number): int(result) for number, result in zip(numbers, results)}
            changed[node] = table_of_entries(entries, changed[root])
        else:
            changed[node] = rebuilt(graph, node, [changed[operand] for operand in node.operands])
    return [changed[node] for node in outputs]


def _roots(nodes: Sequence[Node]) -> dict[Node, Node]:
    """For each node the narrow value that it is a function of; the node itself where none is."""
    roots: dict[Node, Node] = {}
    for node in nodes:
        sources = {roots[operand] for operand in node.operands if not operand.is_constant}
        roots[node] = node
        if len(sources) == 1:
            (source,) = sources
            if source.width <= LOGIC_TABLE_WIDTH:
                roots[node] = source
    return roots


def _ends(nodes: Sequence[Node], outputs: Sequence[Node], roots: dict[Node, Node]) -> set[Node]:
    """Functions of a narrow value that something else than a further function of it uses."""
    ends = {node for node in outputs if roots[node] is not node}
    for node in nodes:
        for operand in node.operands:
            if roots[operand] is not operand and roots[node] is not roots[operand]:
                ends.add(operand)
    return ends


def _is_cheaper(node: Node, root: Node) -> bool:
    """Whether a table costs less than the operations between ``root`` and ``node``."""
    if node.operation in ("table", *FREE):
        return False
    device, replaced = find_device("ecp5-85k"), 0.0
    waiting, seen = [node], {root}
    while waiting:
        part = waiting.pop()
        if part not in seen and not part.is_constant:
            seen.add(part)
            waiting += part.operands
            if part.operation not in FREE:
                cost = operation_cost(part, device)
                replaced += cost.lut + DSP_WORTH * cost.dsp
    return node.width * max(1, (1 << root.width) >> 4) < replaced
