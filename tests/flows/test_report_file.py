"""The report: merging, its schema as the gate of every write, and readable refusals."""

from __future__ import annotations

import copy
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sterna_flows.report_file import SCHEMA, extend_report, problems, read_report
from sterna_flows.tables import print_report

ROOT = Path(__file__).resolve().parent.parent.parent
RESOURCES = {"lut": 10, "ff": 20, "bram": 0.5, "uram": 0, "dsp": 0}
REPORT: dict[str, Any] = {
    "report_version": 1,
    "model": "digits",
    "target": "ecp5-85k",
    "top": "digits",
    "layers": [
        {
            "name": "layer1",
            "engine": "table_matmul",
            "parallelism": {"tables": 4},
            "cycles": 12,
            "estimated": RESOURCES,
        }
    ],
    "cycles": {"latency": {"predicted": 40}, "interval": {"predicted": 12}},
    "estimated": RESOURCES,
    "files": ["digits.v"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    return tmp_path


def test_parts_are_merged_beside_what_is_there(folder: Path) -> None:
    extend_report(folder, {"cycles": {"latency": {"simulated": 41}}, "files": ["a"], "new": 1})
    report = read_report(folder)
    assert report["cycles"]["latency"] == {"predicted": 40, "simulated": 41}
    assert report["cycles"]["interval"] == {"predicted": 12}
    assert report["files"] == ["a"] and report["new"] == 1
    assert [path.name for path in folder.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"fmax_mhz": "fast"}, "report.fmax_mhz must be a number, not 'fast'"),
        ({"fmax_mhz": True}, "report.fmax_mhz must be a number, not True"),
        ({"exact": {"words": 3}}, "report.exact.mismatches must be there"),
        ({"layers": [{"name": "a"}]}, r"report.layers\[0\].engine must be there"),
        ({"files": "a.v"}, "report.files must be a list, not 'a.v'"),
        ({"estimated": 3}, "report.estimated must be an object, not 3"),
    ],
)
def test_a_write_against_the_schema_is_refused(
    folder: Path, parts: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        extend_report(folder, parts)
    assert read_report(folder) == REPORT


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "must hold a report.json"),
        ("{", "must be JSON"),
        ("[]", "must be 1, not None"),
        ('{"report_version": 2}', "must be 1, not 2; build the folder anew"),
        ('{"report_version": 1}', "must obey its schema: report.model must be there"),
    ],
)
def test_unreadable_reports_are_refused_in_one_line(
    tmp_path: Path, content: str | None, text: str
) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(ValueError, match=text) as caught:
        read_report(tmp_path)
    assert "\n" not in str(caught.value)


def test_every_required_key_is_required() -> None:
    for key in SCHEMA:
        broken = copy.deepcopy(REPORT)
        broken.pop(key.removesuffix("?"), None)
        assert (problems(broken) == []) == key.endswith("?")


def test_the_document_names_every_key() -> None:
    text = (ROOT / "docs" / "report.md").read_text()
    for key in SCHEMA:
        assert f"`{key.removesuffix('?')}" in text


def test_table_shows_the_idle_share() -> None:
    layer = {**REPORT["layers"][0], "cycles": 30, "idle": 0.25}
    console = Console(width=140, record=True, file=StringIO())
    print_report(console, {**REPORT, "layers": [layer]})
    (row,) = (line for line in console.export_text().splitlines() if layer["name"] in line)
    assert " 30 " in row and "25%" in row
