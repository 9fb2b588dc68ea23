"""The model of the clock against the placed and routed engines."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from sterna_flows.calibrate.clock import COEFFICIENTS, estimated_fmax, fit_clock, leave_one_out
from sterna_flows.calibrate.page import timed_engines
from sterna_flows.engine_rows import read_rows

ROWS = timed_engines(read_rows(Path(__file__).parents[3] / "docs" / "engines.json"))


def test_coefficients_are_the_fit_of_the_rows():
    assert len(ROWS) >= 20
    assert fit_clock(ROWS) == pytest.approx(COEFFICIENTS, rel=0.01)


def test_rows_left_out_are_near():
    sizes = [abs(error) for error in leave_one_out(ROWS)]
    assert median(sizes) <= 0.08
    assert max(sizes) <= 0.25


def test_larger_designs_are_slower():
    row, config = ROWS[0]
    assert estimated_fmax(config, 2 * row.lut) < estimated_fmax(config, row.lut)
