"""A grouped convolution folded in each way that there is: every beat and cycle, under stalls."""

from __future__ import annotations

import numpy as np
import pytest

from sterna import ir
from sterna.folding import foldings_of
from sterna.grouping import GroupFolding
from sterna_flows.fuzz.case import Case
from sterna_flows.fuzz.examine import examine, mapped_design
from sterna_hw.base import TERNARY, IntegerRange, WindowAxis


def groups() -> ir.Graph:
    """Two groups of two channels, two outputs each, over an image of 3 x 2 pixels."""
    weights = np.random.default_rng(5).integers(-1, 2, (4, 8))
    entry = ir.Input("x", (), ir.TensorType((3, 2, 4), IntegerRange(0, 7)))
    window = ir.Window("window", ("x",), WindowAxis(3, 2, 1, 1, 1, 0), WindowAxis(2, 2, 1, 1, 0, 0))
    conv = ir.GroupMatMul("conv", ("window",), weights, TERNARY, 1, 2, 4)
    edges = {"conv": ir.OutputEdge(1.0)}
    return ir.Graph("groups", (entry, window, conv), {"x": ir.InputEdge(1.0)}, edges)


@pytest.mark.parametrize(("beat_groups", "queries"), [(1, 1), (1, 2), (2, 4)])
def test_every_folding(beat_groups: int, queries: int) -> None:
    record = {"engine": "group", "beat_groups": beat_groups, "queries": queries}
    foldings = foldings_of({"conv": record}, "here")
    assert foldings == {"conv": GroupFolding(beat_groups, queries)}
    case = Case(groups(), foldings, {}, "ecp5-25k", False, ("none", "bursts"), 3, 1)
    assert examine(case) is None
    parts = {stage.name: stage.part for stage in mapped_design(case).accelerator.stages}
    # Four outputs, so many at once.
    assert parts["conv"].timing().busy_cycles == 4 // queries
