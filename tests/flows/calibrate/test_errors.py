"""How good the parts' cost estimates are: by kept rows, without tools, and two counted anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sterna_hw
from sterna_flows.calibrate.bench import all_keys, table_text
from sterna_flows.calibrate.errors import FITTED, Errors, compare, inexact
from sterna_flows.calibrate.fit import fit, relative_error
from sterna_flows.calibrate.measure import measure_batch, prepared
from sterna_flows.calibrate.page import costs_page
from sterna_flows.calibrate.rows import KINDS, TARGETS, configuration, read_designs, read_rows
from sterna_flows.engine_rows import read_rows as read_engines

DOCS = Path(__file__).parents[3] / "docs"
ROWS = read_rows(DOCS / "costs.json")
HELD = [row for row in ROWS if row.is_held_out]


def test_rows_are_of_the_configurations_that_are_drawn_now():
    assert [row.key for row in ROWS if row.text != str(configuration(*row.key))] == []
    assert {row.key for row in ROWS} <= set(all_keys())
    assert {(row.family, row.kind) for row in HELD} == {(f, k) for f in TARGETS for k in KINDS}


@pytest.mark.parametrize("resource", FITTED)
@pytest.mark.parametrize("family", TARGETS)
def test_held_out_errors_are_small(family, resource):
    found = compare(row for row in HELD if row.family == family)
    by_kind = {kind: errors for (_, kind, name), errors in found.items() if name == resource}
    assert Errors.of([error for errors in by_kind.values() for error in errors]).median <= 0.08
    for kind, errors in by_kind.items():
        assert Errors.of(errors).worst <= 0.25, kind


def test_memories_and_multipliers_are_exact():
    assert {row.key: names for row in ROWS if (names := inexact(row))} == {}


def test_table_is_the_fit_of_the_rows():
    table = Path(sterna_hw.__file__).parent / "base" / "cost_table.json"
    shipped, fitted = json.loads(table.read_text()), json.loads(table_text(fit(ROWS)))
    assert {f: {p: set(n) for p, n in parts.items()} for f, parts in fitted.items()} == {
        f: {p: set(n) for p, n in parts.items()} for f, parts in shipped.items()
    }
    for family, parts in fitted.items():
        for part, names in parts.items():
            for name, value in names.items():
                # Another machine's linear algebra may round otherwise.
                assert value == pytest.approx(shipped[family][part][name], rel=0.02, abs=0.02)


def test_page_is_what_the_rows_say():
    designs, engines = read_designs(DOCS / "costs.json"), read_engines(DOCS / "engines.json")
    assert (DOCS / "costs.md").read_text() == costs_page(ROWS, designs, engines)


def test_errors_of_small_parts_are_told_against_a_floor():
    assert relative_error(33, 30) == pytest.approx(3 / 60)
    assert relative_error(330, 300) == pytest.approx(0.1)


@pytest.mark.parametrize("key", [("ecp5", "fork", 19), ("xcup", "weight_buffer", 19)], ids=str)
def test_counted_anew(key):
    """The row that is kept is what Yosys counts, and the estimate is near it."""
    (row,) = measure_batch([prepared(key)])
    kept = {old.key: old for old in ROWS}[key]
    assert (row.lut, row.ff, row.bram, row.dsp) == (kept.lut, kept.ff, kept.bram, kept.dsp)
    cost = row.part.cost(row.device)
    assert abs(relative_error(cost.lut, row.lut)) <= 0.25
    assert abs(relative_error(cost.ff, row.ff)) <= 0.25
