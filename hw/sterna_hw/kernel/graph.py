"""The expression graph of a kernel: few primitive operations on integers with proven ranges.

Every value is a `Node`: an operation, its operands, and the range that it provably lies in. Nodes
are made through their `Graph`, which hands out the same node for the same expression (common
subexpressions are shared by construction), turns nodes whose range is one number into constants,
and keeps all nodes in an order in which operands come first. `simplify` makes nodes by algebra,
`expand` makes them from what users write, `split` and `tabulate` rewrite whole graphs.

The primitives, all exact on integers of any size (two's complement, infinitely sign-extended):

==============  =====================  ==========================================================
operation       operands               meaning
==============  =====================  ==========================================================
``input``                              an argument; ``detail`` is its name
``constant``                           ``detail``
``add``         a, b [, carry]         a + b + carry; carry is 0 or 1
``subtract``    a, b [, borrow]        a - b - borrow
``multiply``    a, b                   a * b
``less``        a, b [, borrow]        1 if a < b + borrow, else 0
``equal``       a, b                   1 if a == b, else 0
``select``      c, a, b                a if c is 1, b if c is 0
``shift``       a                      a * 2**detail, floored where ``detail`` is negative
``low_bits``    a                      a modulo 2**detail
``signed_bits`` a                      the same bits read as two's complement
``join``        high, low              high * 2**detail + low; low lies in [0, 2**detail)
``and`` ...     a, b                   bit by bit (``and``, ``or``, ``xor``)
``table``       index                  ``detail[index modulo len(detail)]``; a power of two long
==============  =====================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import IntegerRange

__all__ = ["BOOLEAN", "FREE", "Graph", "Node", "evaluate", "needed"]

BOOLEAN = IntegerRange(0, 1)
FREE = frozenset({"shift", "low_bits", "signed_bits", "join"})
"""Operations that are wires only."""


@dataclass(frozen=True, eq=False)
class Node:
    """One value of a graph; made by `Graph.node` only, so that identity is equality."""

    graph: Graph
    number: int
    operation: str
    operands: tuple[Node, ...]
    detail: Any
    range: IntegerRange

    @property
    def is_constant(self) -> bool:
        return self.operation == "constant"

    @property
    def width(self) -> int:
        return self.range.width

    def __repr__(self) -> str:
        detail = "" if self.detail is None or self.operation == "table" else f"{self.detail} "
        operands = " ".join(f"%{operand.number}" for operand in self.operands)
        return f"%{self.number} = {self.operation} {detail}{operands} in {self.range}"


class Graph:
    """Nodes in an order in which operands come before their users."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[tuple, Node] = {}

    def node(
        self,
        operation: str,
        operands: Sequence[Node],
        values: IntegerRange,
        detail: Any = None,
    ) -> Node:
        """The node of this expression; a constant where its range leaves no choice."""
        if values.low == values.high and operation not in ("input", "constant"):
            return self.constant(values.low)
        key = (operation, tuple(operand.number for operand in operands), detail, values)
        if key not in self._known:
            number = len(self.nodes)
            node = Node(self, number, operation, tuple(operands), detail, values)
            self.nodes.append(node)
            self._known[key] = node
        return self._known[key]

    def input(self, name: str, values: IntegerRange) -> Node:
        return self.node("input", (), values, name)

    def constant(self, value: int) -> Node:
        return self.node("constant", (), IntegerRange(value, value), int(value))


def needed(outputs: Sequence[Node], known: Collection[Node] = ()) -> list[Node]:
    """The nodes that some outputs depend on, operands first; not those beyond what is known."""
    seen: dict[int, Node] = {}
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node.number not in seen and node not in known:
            seen[node.number] = node
            waiting += node.operands
    return [seen[number] for number in sorted(seen)]


def evaluate(
    outputs: Sequence[Node], inputs: Mapping[str, Any], known: Mapping[Node, Any] | None = None
) -> list[Any]:
    """The meaning of a graph on Python integers or on arrays of one shape.

    Arrays must be of Python objects where a value may need more than 62 bits. What stands in
    ``known`` is not computed, nor what only it depends on.
    """
    values: dict[Node, Any] = dict(known or {})
    for node in needed(outputs, values):
        operands = [values[operand] for operand in node.operands]
        values[node] = _evaluate(node, operands, inputs)
    return [values[node] for node in outputs]


def _evaluate(node: Node, values: list[Any], inputs: Mapping[str, Any]) -> Any:
    detail = node.detail
    match node.operation:
        case "input":
            return inputs[detail]
        case "constant":
            return detail
        case "add":
            return sum(values[1:], values[0])
        case "subtract":
            return values[0] - sum(values[2:], values[1])
        case "multiply":
            return values[0] * values[1]
        case "less":
            return (values[0] < sum(values[2:], values[1])) * 1
        case "equal":
            return (values[0] == values[1]) * 1
        case "select":
            return values[2] + values[0] * (values[1] - values[2])
        case "shift":
            return values[0] << detail if detail >= 0 else values[0] >> -detail
        case "low_bits":
            return values[0] & ((1 << detail) - 1)
        case "signed_bits":
            sign = 1 << (detail - 1)
            return ((values[0] + sign) & (2 * sign - 1)) - sign
        case "join":
            return (values[0] << detail) + values[1]
        case "and":
            return values[0] & values[1]
        case "or":
            return values[0] | values[1]
        case "xor":
            return values[0] ^ values[1]
        case "table":
            index = values[0] & (len(detail) - 1)
            if isinstance(index, np.ndarray):
                return np.array(detail, dtype=index.dtype)[index.astype(np.int64)]
            return detail[index]
    raise AssertionError(node.operation)
