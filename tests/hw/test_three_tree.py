"""The tree of adders of three operands, its signs, and what it leaves over."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from sterna_hw.adder_tree import relative_signs
from sterna_hw.base import IntegerRange
from sterna_hw.three_tree import (
    accumulated,
    three_tree,
    three_tree_cost,
    three_tree_levels,
    three_tree_signs,
)

RANGE = IntegerRange(-5, 7)
LEAF_DELAY = 2


def run(values: np.ndarray, signs: np.ndarray | None, bases: list[int], width: int) -> list[int]:
    """Totals for rows of leaves fed in successive cycles, with relative signs."""
    m = Module()
    count = values.shape[1]
    leaves = [Signal(signed(4), name=f"leaf_{number}") for number in range(count)]
    codes = [Signal(name=f"code_{number}") for number in range(count)]
    base, total = Signal(signed(width)), Signal(signed(width))
    tree_signs = three_tree_signs(m, codes, LEAF_DELAY) if signs is not None else None
    nodes = three_tree(m, None, [(leaf, RANGE) for leaf in leaves], tree_signs, width)
    m.d.sync += total.eq(accumulated(m, None, base, nodes, tree_signs, width))
    levels = three_tree_levels(count)
    result = []

    async def bench(ctx):
        for cycle in range(len(values) + LEAF_DELAY + levels + 1):
            if signs is not None:
                for code, bit in zip(codes, signs[min(cycle, len(signs) - 1)]):
                    ctx.set(code, int(bit))
            now = values[min(max(cycle - LEAF_DELAY, 0), len(values) - 1)]
            for leaf, value in zip(leaves, now):
                ctx.set(leaf, int(value))
            ctx.set(base, bases[min(max(cycle - LEAF_DELAY - levels, 0), len(bases) - 1)])
            if cycle > LEAF_DELAY + levels:
                result.append(ctx.get(total))
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return result


COUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 20]


@pytest.mark.parametrize("count", COUNTS)
def test_plain_sums(count):
    generator = np.random.default_rng(count)
    values = generator.integers(-5, 8, (12, count))
    bases = generator.integers(-100, 101, 12).tolist()
    assert run(values, None, bases, 10) == (values.sum(axis=1) + bases).tolist()


@pytest.mark.parametrize("count", COUNTS)
def test_signed_sums(count):
    generator = np.random.default_rng(count)
    values = generator.choice([-5, 7, 0, 3], (25, count))
    signs = generator.integers(0, 2, (25, count))
    bases = generator.integers(-100, 101, 25).tolist()
    expected = (values * (1 - 2 * signs)).sum(axis=1) + bases
    assert run(values, relative_signs(signs), bases, 10) == expected.tolist()


def test_sums_wrap_in_a_narrow_tree():
    assert run(np.full((3, 8), 7), None, [0] * 3, 5) == [56 - 64] * 3


@pytest.mark.parametrize(
    ("leaves", "levels"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (8, 2), (16, 2), (32, 3)]
)
def test_levels(leaves, levels):
    assert three_tree_levels(leaves) == levels


def test_cost_of_the_decoders_tree():
    """Sixteen sums of three codes, to a total of 20 bits."""
    leaf = IntegerRange(-381, 381)
    # Five sums of three leaves, one of three of those, one of two of those and a leaf, the total.
    signs = 5 * 5 + 6 + 5 + 7
    assert three_tree_cost(16, leaf, 20, False).lut == 5 * 12 + 13 + 13 + 20
    assert three_tree_cost(16, leaf, 20, True).lut == 5 * 12 + 13 + 13 + 20 + signs
