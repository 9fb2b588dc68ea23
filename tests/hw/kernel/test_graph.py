"""Graphs before they are hardware: simplified, split and tabulated ones mean what they meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.kernel import KernelPipeline, kernel, select, simplify
from sterna_hw.kernel.graph import Graph, Node, evaluate, needed
from sterna_hw.kernel.schedule import Time, levels, longest_chain, macro_latency, schedule
from sterna_hw.kernel.simplify import signed_digits
from sterna_hw.kernel.split import chain_width, split_chains
from sterna_hw.kernel.tabulate import tabulate

from .random_kernels import random_kernel

BYTE = IntegerRange(-128, 127)


def values_of(config_ranges: dict[str, IntegerRange], seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        name: generator.integers(r.low, r.high + 1, 200).astype(object)
        for name, r in config_ranges.items()
    }


def results(nodes: list[Node], inputs: dict[str, np.ndarray]) -> list[list[int]]:
    shape = next(iter(inputs.values())).shape
    return [np.broadcast_to(value, shape).tolist() for value in evaluate(nodes, inputs)]


@pytest.mark.parametrize("seed", range(40), ids=lambda seed: f"seed{seed}")
def test_rewritten_graphs_mean_the_same(seed: int) -> None:
    made, ranges = random_kernel(seed)
    outputs = list(made.trace(ranges).outputs.values())
    inputs = values_of(ranges, seed)
    expected = made(*inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert results(outputs, inputs) == [array.tolist() for array in expected]
    for limit in (1, 3, 8, 24):
        pieces = split_chains(outputs, limit)
        assert max((chain_width(node) for node in needed(pieces)), default=0) <= limit + 1
        assert results(pieces, inputs) == results(outputs, inputs)
    assert results(tabulate(outputs), inputs) == results(outputs, inputs)


@pytest.mark.parametrize("seed", range(40), ids=lambda seed: f"seed{seed}")
def test_every_intermediate_range_holds(seed: int) -> None:
    made, ranges = random_kernel(seed)
    outputs = split_chains(tabulate(list(made.trace(ranges).outputs.values())), 5)
    nodes = needed(outputs)
    for node, found in zip(nodes, evaluate(nodes, values_of(ranges, seed))):
        assert node.range.contains(np.asarray(found)), node


@pytest.mark.parametrize("depth", [2, 3, 4, 7], ids=lambda depth: f"depth{depth}")
@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_a_schedule_keeps_order_and_depth(seed: int, depth: int) -> None:
    made, ranges = random_kernel(seed)
    table = schedule(list(made.trace(ranges).outputs.values()), depth)
    for node in table.nodes:
        time = table.times[node]
        begin = time.cycle - macro_latency(node)
        for operand in node.operands:
            ready = table.times[operand]
            assert ready.cycle <= begin
            if not macro_latency(node) and ready.cycle == begin and not operand.is_constant:
                assert time.level >= ready.level + levels(node)
        # What alone takes more cannot be helped: it has a cycle of its own. The carry out of a
        # piece is one bit more than its length.
        if levels(node):
            assert time.level <= max(depth + 1 / 8, levels(node))
    for node in table.outputs:
        assert table.times[node] <= Time(table.latency, 0)


def operations(function: Callable[..., Any], **ranges: IntegerRange) -> list[str]:
    """Operations but wires, inputs and constants."""
    made = kernel(function)
    nodes = needed(list(made.trace(ranges).outputs.values()))
    free = ("input", "constant", "shift", "low_bits", "signed_bits", "join")
    return [node.operation for node in nodes if node.operation not in free]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a: a + 0, []),
        (lambda a: a - a, []),
        (lambda a: a + a, []),
        (lambda a: (a << 3) >> 5, []),
        (lambda a: a * 16, []),
        (lambda a: a * 12, ["subtract"]),
        (lambda a: a * 5, ["add"]),
        (lambda a: a * 107, ["multiply"]),
        (lambda a: a < 200, []),
        (lambda a: a < 0, []),
        (lambda a: a < -64, ["less"]),
        (lambda a: a == 300, []),
        (lambda a: select(a < 3, 1, 0), ["less"]),
        (lambda a: a & 0xFF & 0x0F, []),
        (lambda a: 0 - (a & 1), []),
    ],
)
def test_algebra(function: Callable[..., Any], expected: list[str]) -> None:
    assert operations(function, a=BYTE) == expected


def test_wires_stay_out_of_carry_chains() -> None:
    graph = Graph()
    a, b = graph.input("a", BYTE), graph.input("b", BYTE)
    total = simplify.add(a, simplify.shift(b, 5))
    (chain,) = [chain_width(node) for node in needed([total]) if chain_width(node)]
    assert chain == 9  # of 14 bits


@pytest.mark.parametrize("value", [*range(-70, 70), 171, 1365, -4095, 1 << 20])
def test_signed_digits(value: int) -> None:
    digits = signed_digits(value)
    assert sum(sign << place for sign, place in digits) == value
    places = [place for _, place in digits]
    assert all(b - a >= 2 for a, b in zip(places, places[1:]))


def test_longest_chain() -> None:
    assert [longest_chain(depth) for depth in (2, 3, 4, 5)] == [8, 16, 24, 32]


def test_narrow_arithmetic_becomes_a_table_of_logic() -> None:
    @kernel
    def curve(x):
        return (x * x * 3 + x * 100 >> 3) - abs(x)

    config = KernelPipeline(curve, {"x": IntegerRange(-8, 7)})
    assert [node.operation for node in config.timetable.nodes] == ["input", "table"]
    assert config.latency == 1
    wide = KernelPipeline(curve, {"x": IntegerRange(-80, 70)})
    assert "table" not in [node.operation for node in wide.timetable.nodes]
