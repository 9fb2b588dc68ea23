"""A tree of adders of three operands each, for Xilinx devices; the leaves have signs.

As in `adder_tree`, a node does not negate what it adds but is right up to the sign of its first
leaf: its second and third operand are added or subtracted according to whether their first leaves'
signs differ from its own. Each leaf's sign is so used in one place: where the node that it is the
first leaf of is a second or third operand, or, for the nodes that are left over, by whoever adds
those up. One of the two signs costs nothing, the other one half a look-up table a bit (see
`add_three`), which leaves a good quarter less than adders of two operands take.

Neighbours are taken three at a time; one or two that are left over wait in a register, so every
node is full. What accumulates the sum can take two operands besides the total, so the tree ends as
soon as no more than two nodes are left. Each level takes a cycle.

Signs are told as `adder_tree.relative_signs` packs them, and turned into those of this tree once
for all trees that share them: `three_tree_signs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Const, Module, Signal, Value, signed

from .add_subtract import add_or_subtract
from .add_three import add_three, add_three_luts
from .base import Cost, IntegerRange
from .beat import shape_of
from .credit import delay

__all__ = [
    "TreeNode",
    "accumulated",
    "three_tree",
    "three_tree_cost",
    "three_tree_levels",
    "three_tree_signs",
]


@dataclass(frozen=True)
class TreeNode:
    """A sum right up to the sign of its first leaf."""

    value: Value
    values: IntegerRange
    first_leaf: int


def _levels(leaves: int) -> list[list[tuple[int, ...]]]:
    """For each level its nodes, each as the first leaves of its operands."""
    levels, nodes = [], list(range(leaves))
    while len(nodes) > 2:
        whole = len(nodes) // 3 * 3
        level = [tuple(nodes[start : start + 3]) for start in range(0, whole, 3)]
        level += [(leaf,) for leaf in nodes[whole:]]
        levels.append(level)
        nodes = [node[0] for node in level]
    return levels


def three_tree_levels(leaves: int) -> int:
    """Levels, and so cycles, until one or two nodes are left."""
    return len(_levels(leaves))


def three_tree_signs(m: Module, codes: Sequence[Value], leaf_delay: int) -> list[Value]:
    """The sign of each leaf, in the cycle and of the kind that the trees want.

    ``codes`` holds the `relative_signs` bit of each leaf, ``leaf_delay`` cycles before the leaves
    themselves. The leaves that are first in a node that is left over have their own signs.
    """
    levels = _levels(len(codes))
    signs: list[Value] = []
    for leaf in range(len(codes)):
        used, place = _sources(leaf), len(levels)
        for number, level in enumerate(levels):
            for node in level:
                if leaf in node[1:]:
                    used, place = used ^ _sources(node[0]), number
        sign: Value = Const(0, 1)
        for source in sorted(used):
            sign = sign ^ codes[source]
        signs.append(delay(m, sign[0], leaf_delay + place))
    return signs


def _sources(leaf: int) -> frozenset[int]:
    """Leaves whose relative signs make up the sign of this one."""
    found = {leaf}
    while leaf:
        leaf &= leaf - 1
        found.add(leaf)
    return frozenset(found)


def three_tree(
    m: Module,
    platform: object,
    leaves: Sequence[tuple[Value, IntegerRange]],
    signs: Sequence[Value] | None,
    width: int,
) -> list[TreeNode]:
    """Sums the leaves until one or two nodes are left; `three_tree_levels` cycles.

    ``signs`` are those of `three_tree_signs`, or None for a plain sum. Sums are taken modulo
    ``2**width``, as wide as the result may need to be.
    """
    nodes = [TreeNode(value, values, leaf) for leaf, (value, values) in enumerate(leaves)]
    for level in _levels(len(leaves)):
        operands, nodes = iter(nodes), []
        for node in level:
            taken = [next(operands) for _ in node]
            value, values = taken[0].value, _sum_range(taken, signs is not None)
            shape = shape_of(values)
            if shape.width > width:
                shape = signed(width)
            if len(taken) == 3:
                value = _signed_sum(m, platform, value, taken[1:], signs, shape.width)
            register = Signal(shape, reset_less=True)
            m.d.sync += register.eq(value)
            nodes.append(TreeNode(register, values, node[0]))
    return nodes


def accumulated(
    m: Module,
    platform: object,
    base: Value,
    nodes: Sequence[TreeNode],
    signs: Sequence[Value] | None,
    width: int,
) -> Value:
    """``base`` plus the nodes that a tree left over; combinational, in the cycle of the nodes."""
    if len(nodes) == 2:
        return _signed_sum(m, platform, base, nodes, signs, width)
    if signs is None:
        return (base + nodes[0].value)[:width].as_signed()
    return add_or_subtract(m, platform, base, nodes[0].value, signs[nodes[0].first_leaf], width)


def _signed_sum(
    m: Module,
    platform: object,
    left: Value,
    others: Sequence[TreeNode],
    signs: Sequence[Value] | None,
    width: int,
) -> Value:
    middle, right = sorted(others, key=lambda node: node.values.width)
    minus_middle = signs[middle.first_leaf] if signs is not None else None
    minus_right = signs[right.first_leaf] if signs is not None else None
    return add_three(m, platform, left, middle.value, right.value, minus_middle, minus_right, width)


def _sum_range(nodes: Sequence[TreeNode], with_signs: bool) -> IntegerRange:
    values = nodes[0].values
    for node in nodes[1:]:
        values = values + (node.values.union(-node.values) if with_signs else node.values)
    return values


def three_tree_cost(leaves: int, values: IntegerRange, width: int, with_signs: bool) -> Cost:
    """Estimate of a tree and of the adder that accumulates what it leaves over, without the signs
    themselves."""
    lut = ff = 0
    nodes = [TreeNode(Const(0), values, leaf) for leaf in range(leaves)]
    for level in _levels(leaves):
        operands, nodes = iter(nodes), []
        for node in level:
            taken = [next(operands) for _ in node]
            total = _sum_range(taken, with_signs)
            bits = min(total.width, width)
            ff += bits
            if len(taken) == 3:
                lut += add_three_luts(bits, with_signs * _narrowest(taken[1:], bits))
            nodes.append(TreeNode(Const(0), total, node[0]))
    two = len(nodes) == 2
    lut += add_three_luts(width, with_signs * two * _narrowest(nodes, width))
    return Cost(lut=lut, ff=ff + width)


def _narrowest(nodes: Sequence[TreeNode], width: int) -> int:
    return min(width, *(node.values.width for node in nodes))
