"""A tree of adders whose operands have signs, at no cost for the signs.

A node does not negate its operands but computes left + right or left - right, where the choice is
whether the first leaves of the two have different signs; the result is then right up to the sign
of the node's first leaf, which the next level takes into account. At the root the sign of leaf 0
is left over, and whoever accumulates adds or subtracts. So leaf t > 0 comes with its sign times
that of leaf ``t & (t - 1)`` (t without its lowest set bit: the first leaf of the left neighbour at
the level at which t is a right one), and leaf 0 with its own: `relative_signs`, computed when
weights are packed.

Each level is one carry chain a node and a register; a tree of T leaves takes ceil(log2(T)) cycles.
Leaves without a partner wait in a register.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, signed

from .add_subtract import add_or_subtract
from .base import IntegerRange
from .beat import shape_of

__all__ = ["adder_tree", "relative_signs", "tree_levels"]


def relative_signs(signs: np.ndarray) -> np.ndarray:
    """Signs (0 or 1, leaves on the last axis) as the tree of adders takes them."""
    signs = np.asarray(signs)
    leaves = np.arange(1, signs.shape[-1])
    result = signs.copy()
    result[..., 1:] ^= signs[..., leaves & (leaves - 1)]
    return result


def tree_levels(leaves: int) -> int:
    """Levels, and so cycles, of a tree."""
    return (leaves - 1).bit_length()


def adder_tree(
    m: Module,
    platform: object,
    leaves: Sequence[tuple[Value, IntegerRange]],
    subtract: Sequence[Value] | None,
    width: int,
) -> tuple[Value, IntegerRange]:
    """Sums the leaves with a register after each level; `tree_levels` cycles.

    ``subtract`` holds, for each leaf, the `relative_signs` bit of the leaves' cycle (bit 0 is not
    used), or is None for a plain sum. Sums are taken modulo ``2**width``, as wide as the result may
    need to be. Returns the root with its range.
    """
    nodes = list(leaves)
    signs = list(subtract) if subtract is not None else None
    while len(nodes) > 1:
        # Signs of right nodes are used up here, the others move on one level.
        kept = [(leaf, sign) for leaf, sign in enumerate(signs or ()) if leaf % 2 == 0 and leaf]
        next_nodes: list[tuple[Value, IntegerRange]] = []
        for left in range(0, len(nodes), 2):
            value, values = nodes[left]
            if left + 1 < len(nodes):
                other, others = nodes[left + 1]
                if signs is None:
                    value, values = value + other, values + others
                else:
                    values = values + others.union(-others)
                    bits = min(values.width, width)
                    value = add_or_subtract(m, platform, value, other, signs[left + 1], bits)
            shape = shape_of(values)
            if shape.width > width:
                shape = signed(width)
            node = Signal(shape, reset_less=True)
            m.d.sync += node.eq(value)
            next_nodes.append((node, values))
        if signs is not None and kept:
            moved = Signal(len(kept), reset_less=True)
            m.d.sync += moved.eq(Cat(sign for _, sign in kept))
            signs = [signs[0], *moved]
        nodes = next_nodes
    return nodes[0]
