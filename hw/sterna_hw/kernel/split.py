"""Cuts carry chains that are too long for one cycle into pieces.

A sum of many bits is the sum of its low halves, whose carry joins the sum of the high halves; the
scheduler may then put the halves into successive cycles. Differences and comparisons go the same
way with a borrow. The meaning of the graph stays; its ranges stay as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base import IntegerRange
from . import simplify
from .graph import Graph, Node, needed

__all__ = ["chain_width", "rebuilt", "split_chains"]


def chain_width(node: Node) -> int:
    """Bits of the carry chain of an addition, difference or comparison; 0 for other nodes."""
    if node.operation in ("add", "subtract"):
        return node.width
    if node.operation == "less":
        a, b = (operand.range for operand in node.operands[:2])
        return a.union(b).width
    return 0


def split_chains(outputs: Sequence[Node], limit: int) -> list[Node]:
    """The same outputs in a graph of which no carry chain has more than ``limit`` bits."""
    graph, changed = Graph(), {}
    for node in needed(outputs):
        operands = [changed[operand] for operand in node.operands]
        width = chain_width(node)
        if width > limit:
            pieces = -(-width // limit)
            new = _in_pieces(node.operation, operands, -(-width // pieces), limit, node.range)
        else:
            new = rebuilt(graph, node, operands)
        changed[node] = new
    return [changed[node] for node in outputs]


def rebuilt(graph: Graph, node: Node, operands: Sequence[Node]) -> Node:
    """A copy of a node in another graph."""
    if node.operation == "constant":
        return graph.constant(node.detail)
    return graph.node(node.operation, operands, node.range, node.detail)


def _in_pieces(
    operation: str, operands: Sequence[Node], places: int, limit: int, values: IntegerRange
) -> Node:
    a, b, *rest = operands
    carry = rest[0] if rest else None
    low_a, low_b = simplify.low_bits(a, places), simplify.low_bits(b, places)
    high_a, high_b = simplify.shift(a, -places), simplify.shift(b, -places)
    if operation == "less":
        borrow = _less(low_a, low_b, carry)
        if high_a.range.union(high_b.range).width <= limit:
            return _less(high_a, high_b, borrow)
        return _in_pieces(operation, [high_a, high_b, borrow], places, limit, values)
    make = simplify.add if operation == "add" else simplify.subtract
    low = make(low_a, low_b, carry)
    # What overflows the low piece: a carry of 1, or in a difference a borrow, which reads as -1.
    over = simplify.low_bits(simplify.shift(low, -places), 1)
    high_range = IntegerRange(values.low >> places, values.high >> places)
    if high_range.width <= limit:
        high = make(high_a, high_b, over, values=high_range)
    else:
        high = _in_pieces(operation, [high_a, high_b, over], places, limit, high_range)
    return simplify.join(high, simplify.low_bits(low, places), places, values)


def _less(a: Node, b: Node, borrow: Node | None) -> Node:
    return simplify.less(a, b, borrow)
