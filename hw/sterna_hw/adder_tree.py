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
from functools import lru_cache

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, signed

from .add_subtract import add_or_subtract
from .base import Cost, Device, IntegerRange
from .base.cost_table import logic
from .beat import shape_of
from .credit import delay_cost

__all__ = [
    "adder_tree",
    "adder_tree_cost",
    "chain_bits",
    "relative_signs",
    "signs_cost",
    "tree_levels",
]


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


def adder_tree_cost(
    device: Device,
    leaves: int,
    values: IntegerRange,
    width: int,
    with_signs: bool,
    before: int = 0,
) -> Cost:
    """Estimate of a tree over leaves in ``values``, without the registers of signs, which trees may
    share (see `signs_cost`). A leaf without a partner waits in one chain with the ``before``
    registers that stand in front of the tree; those are not counted here."""
    adders, few, registers, nodes, waits = _tree_bits(
        leaves, values, width, with_signs, device.family == "ecp5"
    )
    if with_signs:
        # Their carry chains are named cell by cell, and taken as they are.
        cost = logic(device, "signed_tree", lut=adders, ff=registers, adders=nodes)
    else:
        cost = logic(
            device, "plain_tree", ff=registers, adder_bits=adders, few_bits=few, adders=nodes
        )
    for bits, cycles, is_leaf in waits:
        ahead = before if is_leaf else 0
        cost += delay_cost(device, bits, ahead + cycles) + Cost(ff=-bits * ahead)
    return cost


def signs_cost(device: Device, leaves: int, signs: int, before: int) -> Cost:
    """Estimate of ``signs`` bits a leaf that wait: ``before`` cycles for the leaves, and then
    beside the tree for the level at which a leaf is a right node; leaf 0's for the root."""
    waits = [tree_levels(leaves), *((leaf & -leaf).bit_length() - 1 for leaf in range(1, leaves))]
    costs = (
        delay_cost(device, signs * waits.count(wait), before + wait) for wait in sorted(set(waits))
    )
    return sum(costs, start=Cost())


def chain_bits(bits: int, in_pairs: bool) -> int:
    """Bits of the carry chain of an adder; where cells have two bits (ECP5) an even number."""
    return bits + bits % 2 if in_pairs else bits


@lru_cache(maxsize=4096)
def _tree_bits(
    leaves: int, values: IntegerRange, width: int, with_signs: bool, in_pairs: bool
) -> tuple[int, int, int, int, tuple[tuple[int, int, bool], ...]]:
    """Bits of a tree's adders, those apart that are tables since their operands have a bit or two,
    bits of the registers behind them, how many adders there are, and the nodes without a partner:
    bits, cycles that they wait, and whether they are leaves."""
    nodes, adders, few, registers, count = [values] * leaves, 0, 0, 0, 0
    waits: list[tuple[int, int, bool]] = []
    alone = 0
    while len(nodes) > 1:
        merged = []
        for left in range(0, len(nodes) - 1, 2):
            other = nodes[left + 1]
            node = nodes[left] + (other.union(-other) if with_signs else other)
            bits = min(node.width, width)
            if max(nodes[left].width, other.width) < 3 and not with_signs:
                few += bits
            else:
                adders, count = adders + chain_bits(bits, in_pairs), count + 1
            registers += bits
            merged.append(node)
        if len(nodes) % 2:
            merged.append(nodes[-1])
            alone += 1
        elif alone:
            waits.append((min(nodes[-1].width, width), alone, leaves % 2 > 0 and not waits))
            alone = 0
        nodes = merged
    return adders, few, registers, count, tuple(waits)
