"""Coefficients of the parts' costs: what a bit of this or that takes on a family of devices.

A part's `cost` says how much of what it is made of: bits of multiplexers, of adders, of counters.
What each of these takes in look-up tables and flip-flops was fitted to synthesis and stands in
``cost_table.json``, by family, part and name, so a formula is told once, in the part, and a
coefficient once, in the table. What an instance takes whatever its size is counted as ``each=1``.
``sterna bench costs`` measures and fits; ``docs/costs.md`` says how far off the result is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import resources

from .cost import Cost
from .device import Device

__all__ = ["CostTable", "cost_table", "logic", "use_cost_table"]

CostTable = dict[str, dict[str, dict[str, tuple[float, float]]]]
"""By family, part and name: LUTs and flip-flops of one."""

UNMEASURED = (1.0, 0.0)

_in_use: list[CostTable] = []


def logic(device: Device, part: str, *, lut: float = 0, ff: float = 0, **counts: float) -> Cost:
    """LUTs and flip-flops of a part by how much there is of what it is made of.

    ``ff`` are registers and ``lut`` tables that are there by construction, in memories; ``counts``
    are weighed by the table. What was never measured is taken for one look-up table each.
    """
    # The older Xilinx fabric has the same look-up tables and distributed memories.
    table = cost_table()[{"xc7": "xcup"}.get(device.family, device.family)].get(part, {})
    for name, count in counts.items():
        luts, flip_flops = table.get(name, UNMEASURED)
        lut += luts * count
        ff += flip_flops * count
    return Cost(lut=lut, ff=ff)


def cost_table() -> Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]]:
    """The table in use."""
    return _in_use[-1] if _in_use else _shipped()


@contextmanager
def use_cost_table(table: CostTable) -> Iterator[None]:
    """Use another table, as the fit does, until the context ends."""
    _in_use.append(table)
    try:
        yield
    finally:
        _in_use.pop()


@cache
def _shipped() -> CostTable:
    text = resources.files("sterna_hw.base").joinpath("cost_table.json").read_text()
    return json.loads(text)
