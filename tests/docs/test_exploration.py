"""The page about exploration and its examples: they run, and the page names what there is."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from sterna_flows.exploration.figures import OBJECTIVES
from sterna_flows.exploration.sampling import ASKED, ASKED_BLINDLY, BATCH, SWEPT
from sterna_flows.exploration.search import DEFAULT_OBJECTIVES
from sterna_flows.exploration.verification import FRAMES

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "exploration.md"
EXAMPLES = ROOT / "docs" / "examples"


def test_designs_are_explored_from_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "explore_designs.py"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Point ") and lines[0].endswith("LUT estimated")
    assert len(lines) == 5
    record = json.loads((tmp_path / "build/explored/exploration.json").read_text())
    rows = (tmp_path / "build/explored/frontier.csv").read_text().splitlines()
    assert len(rows) == len(record["frontier"]) + 1


def test_precisions_are_explored_from_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "explore_precision.py"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["method", "trits", "accuracy", "lut", "on_frontier"]
    assert "of the look-up tables, accuracy 9" in lines[-2]
    # The table of the page.
    record = json.loads((tmp_path / "build/bits/bits.json").read_text())
    first, last = record["points"][0], record["points"][-1]
    for row in (first, last):
        shown = f"| {row['trits']:,} | {100 * row['accuracy']:.2f} % | {row['lut']:,} |"
        assert shown in PAGE.read_text()


def test_the_page_says_what_the_code_does() -> None:
    page = PAGE.read_text()
    for name in OBJECTIVES:
        assert f"`{name}`" in page
    assert f"`{','.join(DEFAULT_OBJECTIVES)}`" in page
    assert f"with {FRAMES} frames" in page
    assert f"The first {SWEPT * BATCH} points" in page
    assert (BATCH // ASKED, BATCH // ASKED_BLINDLY) == (8, 2)
    assert "one in eight, or half of them" in page
