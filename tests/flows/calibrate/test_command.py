"""`sterna bench costs` on a grid of a few parts: it measures, fits, writes, and goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sterna_flows.calibrate.bench import all_keys, calibrate
from sterna_flows.calibrate.fit import relative_error
from sterna_flows.calibrate.rows import KINDS, TARGETS, numbers, read_rows
from sterna_flows.cli import app
from sterna_hw.base.cost_table import cost_table

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "hw" / "sterna_hw" / "base" / "cost_table.json"


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_a_kind_follow_each_other(kind):
    fitted, held_out = numbers(kind)
    assert (fitted.start, fitted.stop) == (0, held_out.start) and len(held_out) >= 2
    mine = [number for family, name, number in all_keys() if (family, name) == ("ecp5", kind)]
    assert mine == [*fitted, *held_out]


def test_a_small_grid(tmp_path, monkeypatch):
    """Rows as they are kept for the whole grid; a page of them; the other coefficients as they
    are; and nothing is measured twice."""
    monkeypatch.chdir(ROOT)
    before = TABLE.read_text()
    options = ["--kind", "fork", "--kind", "top_k", "--count", "2", "--no-designs"]
    command = ["bench", "costs", *options, "--output", str(tmp_path)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    rows = read_rows(tmp_path / "costs.json")
    chosen = {number for each in numbers("fork") for number in each[:2]}
    assert {row.key for row in rows} == {
        (family, kind, number)
        for family in TARGETS
        for kind in ("fork", "top_k")
        for number in chosen
    }
    kept = {row.key: row for row in read_rows(ROOT / "docs" / "costs.json")}
    for row in rows:
        same = kept[row.key]
        assert (row.text, row.digest, row.bram, row.dsp) == (
            same.text,
            same.digest,
            same.bram,
            same.dsp,
        )
        # A count depends a little on the parts that are in the same run of Yosys.
        for count, other in ((row.lut, same.lut), (row.ff, same.ff)):
            assert abs(relative_error(count, other)) < 0.05
    page = (tmp_path / "costs.md").read_text()
    assert page in result.output and "Fitted: 8; held out: 8." in page and "| fork | 2 |" in page
    found = json.loads((tmp_path / "cost_table.json").read_text())
    for family, parts in cost_table().items():
        changed = {part for part, names in parts.items() if found[family][part] != names}
        assert all(part.startswith(("fork", "top_k")) for part in changed)
        assert set(found[family]) == set(parts)
    assert TABLE.read_text() == before

    told: list[str] = []
    again = calibrate(
        tmp_path, kinds=["fork", "top_k"], count=2, designs=False, progress=told.append
    )
    assert told == [] and again == page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ["forks"]}, "Kind must be one of stream_buffer, "),
        ({"count": 0}, "Count must be 1 or more, not 0"),
    ],
)
def test_refusals(options, message, tmp_path):
    with pytest.raises(ValueError) as error:
        calibrate(tmp_path, **options)
    assert str(error.value).startswith(message)
    assert not list(tmp_path.iterdir())
