"""The tree of adders and its relative signs, for every number of leaves up to nine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from sterna_hw.adder_tree import adder_tree, relative_signs, tree_levels
from sterna_hw.base import IntegerRange

RANGE = IntegerRange(-5, 7)


def run(leaf_count: int, values: np.ndarray, signs: np.ndarray | None, width: int) -> list[int]:
    """Roots for rows of leaves fed in successive cycles, with relative signs."""
    m = Module()
    leaves = [Signal(signed(4), name=f"leaf_{number}") for number in range(leaf_count)]
    bits = [Signal(name=f"sign_{number}") for number in range(leaf_count)]
    with_signs = bits if signs is not None else None
    root, _ = adder_tree(m, None, [(leaf, RANGE) for leaf in leaves], with_signs, width)
    unused = Signal()
    m.d.sync += unused.eq(~unused)  # a tree of one leaf has no register, but the clock needs one
    result = []

    async def bench(ctx):
        for row in range(len(values) + tree_levels(leaf_count)):
            now = values[min(row, len(values) - 1)]
            for leaf, value in zip(leaves, now):
                ctx.set(leaf, int(value))
            for bit, sign in zip(
                bits, signs[min(row, len(values) - 1)] if signs is not None else []
            ):
                ctx.set(bit, int(sign))
            if row >= tree_levels(leaf_count):
                result.append(ctx.get(root))
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return result


@pytest.mark.parametrize("leaf_count", range(1, 10))
def test_plain_sums(leaf_count):
    values = np.random.default_rng(leaf_count).integers(-5, 8, (20, leaf_count))
    assert run(leaf_count, values, None, 10) == values.sum(axis=1).tolist()


@pytest.mark.parametrize("leaf_count", range(1, 10))
def test_signed_sums_up_to_the_sign_of_leaf_0(leaf_count):
    generator = np.random.default_rng(leaf_count)
    values = generator.integers(-5, 8, (30, leaf_count))
    signs = generator.integers(0, 2, (30, leaf_count))
    roots = np.array(run(leaf_count, values, relative_signs(signs), 10))
    sums = (values * (1 - 2 * signs)).sum(axis=1)
    np.testing.assert_array_equal(roots * (1 - 2 * signs[:, 0]), sums)


def test_sums_wrap_in_a_narrow_tree():
    values = np.full((3, 8), 7)
    assert run(8, values, None, 5) == [56 - 64] * 3


@pytest.mark.parametrize("leaf_count", range(1, 6))
def test_relative_signs_tell_all_signs(leaf_count):
    """Different signs have different relative signs: nothing is lost."""
    every = np.array(list(itertools.product((0, 1), repeat=leaf_count)))
    assert len({tuple(row) for row in relative_signs(every)}) == 2**leaf_count


@pytest.mark.parametrize(("leaves", "levels"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (9, 4)])
def test_levels(leaves, levels):
    assert tree_levels(leaves) == levels
