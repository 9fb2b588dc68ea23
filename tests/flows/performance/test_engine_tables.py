"""Tables of engines: from the stored syntheses, each by its own baseline, stale rows noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sterna_flows.decoder_engine import read_engines
from sterna_flows.engine_rows import read_rows
from sterna_flows.performance.engine_tables import read_engine_tables
from sterna_flows.unrolled_bench import read_comparisons

DOCS = Path(__file__).resolve().parent.parent.parent.parent / "docs"
FILES = ("engines.json", "decoder-engine.json", "unrolled.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(DOCS / name, tmp_path)
    return tmp_path


def test_each_row_stands_by_its_baseline(folder: Path) -> None:
    tables = read_engine_tables(folder, 0)
    rows = {row.key: row for row in read_rows(folder / "engines.json")}
    assert len(tables.streaming) == 6
    costs = {key: row.lut_per_mac for key, row in rows.items() if key[:3] == ("xcup", "table", 8)}
    best = rows[min(costs, key=lambda key: costs[key])]
    select = rows["xcup", "select", 8, 1, False, 1]
    (found,) = (row for row in tables.streaming if row.case == "xck26, 8-bit activations")
    assert found.engine == best.name
    assert (found.cost, found.baseline_cost) == (best.lut_per_mac, select.lut_per_mac)
    assert found.ratio == pytest.approx(best.lut_per_mac / select.lut_per_mac)
    decoders = {(row.name, row.lanes): row for row in read_engines(folder / "decoder-engine.json")}
    base = decoders["select-and-add", 8]
    assert {row.baseline_cost for row in tables.decoder if row.case.endswith("lanes: 8")} == {
        base.lut_per_mac
    }
    for row, known in zip(tables.unrolled, read_comparisons(folder / "unrolled.json"), strict=True):
        assert row.ratio == pytest.approx(known.ratio)
        assert row.cost == known.adders.lut / (known.inputs * 64)
    every = (*tables.streaming, *tables.decoder, *tables.unrolled)
    assert all(row.is_current is None for row in every)


@pytest.mark.parametrize("name", ["engines.json", "unrolled.json"])
def test_a_row_of_other_verilog_is_stale(folder: Path, name: str) -> None:
    """The Verilog of the first row of each table is written anew; its stored digest is changed."""
    record = json.loads((folder / name).read_text())
    for row in record["rows"]:
        row["digest"] = "0" * 16
    (folder / name).write_text(json.dumps(record))
    tables = read_engine_tables(folder, 1)
    looked = tables.streaming if name == "engines.json" else tables.unrolled
    assert [row.is_current for row in looked] == [False] + [None] * (len(looked) - 1)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_with_its_command(folder: Path, name: str) -> None:
    (folder / name).unlink()
    command = f"sterna bench {name.removesuffix('.json')}"
    with pytest.raises(ValueError, match=f"must hold {name}, by `{command}`"):
        read_engine_tables(folder, 0)
