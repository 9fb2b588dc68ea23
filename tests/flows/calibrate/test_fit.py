"""The fit on rows whose coefficients are known, and the draws that configurations come from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sterna_flows.calibrate.draws import Draw
from sterna_flows.calibrate.fit import fit
from sterna_flows.calibrate.rows import (
    FITTED,
    HELD_OUT,
    CostRow,
    configuration,
    read_rows,
    write_rows,
)
from sterna_hw.base.cost_table import cost_table, use_cost_table

TABLE = {
    "ecp5": {
        "memory_loadable": {"joined_bits": (0.75, 0.5)},
        "memory_blocks": {"joined_bits": (0.5, 0.0)},
    }
}


def made_rows() -> list[CostRow]:
    """Rows of memories that take exactly what `TABLE` says."""
    rows = []
    for number in range(FITTED + HELD_OUT):
        row = CostRow("ecp5", "memory", number, 0, 0, 0, 0, 0, "", "made", "")
        with use_cost_table(TABLE):  # type: ignore[arg-type]
            cost = row.part.cost(row.device)
        rows.append(replace(row, lut=round(cost.lut), ff=round(cost.ff)))
    return rows


def test_known_coefficients_are_found():
    found = fit(made_rows())["ecp5"]
    for name, (lut, _) in found.pop("memory_blocks").items():
        assert lut == pytest.approx(TABLE["ecp5"]["memory_blocks"][name][0], rel=0.05)
    # What kinds without a row settle stays.
    shipped = cost_table()["ecp5"]
    assert {part: dict(names) for part, names in shipped.items() if part != "memory_blocks"} == {
        part: {name: list(value) for name, value in names.items()} for part, names in found.items()
    }


def test_held_out_rows_do_not_matter():
    rows = made_rows()
    spoiled = [replace(row, lut=10 * row.lut) if row.is_held_out else row for row in rows]
    assert any(row.is_held_out for row in rows)
    assert fit(spoiled) == fit(rows)


def test_rows_are_kept(tmp_path):
    rows = made_rows()
    write_rows(tmp_path / "costs.json", rows, [])
    assert read_rows(tmp_path / "costs.json") == sorted(rows, key=lambda row: row.key)


@pytest.mark.parametrize("kind", ["memory", "select", "gearbox"])
def test_same_number_same_configuration(kind):
    assert configuration("xcup", kind, 3) == configuration("xcup", kind, 3)
    assert configuration("xcup", kind, 3) != configuration("xcup", kind, 4)


def test_sizes_are_within_their_bounds():
    sizes = [Draw("test", number).size(3, 40) for number in range(200)]
    assert min(sizes) >= 3 and max(sizes) <= 40
    assert np.median(sizes) < 20
