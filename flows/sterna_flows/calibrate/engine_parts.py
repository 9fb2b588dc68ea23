"""Configurations of the matrix engines.

Each function draws one configuration of an engine for a device, as `stream_parts` does for the
other parts: up to some thousand LUTs, which is what one layer of a folded network takes.
"""

from __future__ import annotations

from typing import Any

from sterna_hw.base import BINARY, TERNARY, TWO_BIT, Device, IntegerRange, shift_alphabet
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.mac_matmul import MacMatmulConfig, integers
from sterna_hw.packed_products import multiplier_port
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig

from .draws import Draw, Part

__all__ = ["ENGINES"]


def _problem(draw: Draw, block: int) -> dict[str, Any]:
    """A layer that is worked on ``block`` inputs at a time, and what all engines share."""
    queries = draw.size(1, 8)
    return {
        "inputs": block * draw.one_of([1, draw.size(2, 8), draw.size(2, 40)]),
        "outputs": queries * draw.one_of([1, draw.size(2, 8), draw.size(2, 40)]),
        "input_range": draw.values(1, 10),
        "queries": queries,
    }


def _alphabet(draw: Draw, *, wide: bool) -> dict[str, Any]:
    """Of the weights, and their planes."""
    if draw.chance(0.55):
        return {"alphabet": TERNARY, "planes": draw.one_of([1, 1, 1, 1, 2, 3])}
    return {"alphabet": draw.one_of([BINARY, TWO_BIT, shift_alphabet(4 if wide else 2)])}


def select(draw: Draw, device: Device) -> Part:
    block = draw.size(2, 32)
    problem = _problem(draw, block)
    return SelectMatmulConfig(**problem, **_alphabet(draw, wide=True), block_inputs=block)


def table(draw: Draw, device: Device) -> Part:
    letters = _alphabet(draw, wide=False)
    group = draw.one_of([1, 2, 2, 3, 3])
    if letters["alphabet"] in (TERNARY, BINARY):
        group = draw.one_of([2, 3, 3, 4])
    tables = draw.size(1, 8)
    folded = draw.chance() and letters["alphabet"].symmetric
    problem = _problem(draw, group * tables)
    buffers = draw.one_of([1, 2])
    return TableMatmulConfig(
        **problem, **letters, group=group, tables=tables, sign_fold=folded, buffers=buffers
    )


def mac(draw: Draw, device: Device) -> Part:
    block = draw.size(1, 16)
    weights = integers(IntegerRange.of_width(draw.size(2, 8), signed=True))
    return MacMatmulConfig(
        **_problem(draw, block),
        alphabet=weights,
        block_inputs=block,
        port=multiplier_port(device),
    )


def unrolled(draw: Draw, device: Device) -> Part:
    shape = (draw.size(2, 24), draw.size(4, 48))
    limit = draw.one_of([1, 1, 3, 7])
    weights = draw.integers(-limit, limit, shape)
    weights[draw.generator.random(shape) < draw.one_of([0.0, 0.4, 0.8])] = 0
    operands = 2 if device.family == "ecp5" else draw.one_of([2, 3])
    levels = draw.one_of([2, 2, 3])
    return UnrolledMatmulConfig(weights, draw.values(1, 8), levels, operands)


def group(draw: Draw, device: Device) -> Part:
    inside = draw.one_of([1, 1, 2, 4])
    beat_groups = draw.one_of([1, 2, 4])
    groups = beat_groups * draw.size(1, 8)
    each = draw.one_of([1, 1, 2])
    queries = each * beat_groups
    return GroupMatmulConfig(
        groups * inside,
        groups * each,
        groups,
        draw.one_of([4, 9, 9, 25]),
        draw.values(1, 8),
        TERNARY,
        draw.one_of([1, 1, 2]),
        beat_groups=beat_groups,
        queries=queries,
    )


ENGINES = {maker.__name__: maker for maker in (select, table, mac, unrolled, group)}
"""What draws a configuration, by the kind of engine."""
