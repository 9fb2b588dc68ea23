"""Stored runs: kept with their origin, replaced by the same command, refused in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sterna_flows.effort import Effort
from sterna_flows.performance.origin import find_origin
from sterna_flows.performance.stored_runs import keep_run, read_runs

EFFORT = Effort(seconds=2.0, processor_seconds=1.5, peak_bytes=1000)


def test_a_run_replaces_that_of_the_same_command(tmp_path: Path) -> None:
    store = tmp_path / "new" / "measured.json"
    assert read_runs(store) == []
    keep_run(store, "sterna bench b", "large", {"cycles": 1}, EFFORT)
    first = keep_run(store, "sterna bench a", "large", {"cycles": 2}, EFFORT)
    second = keep_run(store, "sterna bench b", "large", {"cycles": 3}, EFFORT)
    assert read_runs(store) == [first, second]
    assert [run.figures["cycles"] for run in read_runs(store)] == [2, 3]


def test_the_origin_names_day_source_and_versions() -> None:
    origin = find_origin()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", origin.date)
    # A copy without its history has no commit.
    assert re.fullmatch(r"([0-9a-f]{10,}\+?)?", origin.commit)
    assert origin.cores >= 1 and origin.processor
    assert {"python", "amaranth", "numpy", "verilator", "yosys"} <= set(origin.versions)
    assert origin.date in origin.line and "/" not in origin.line
    assert not any("/" in version for version in origin.versions.values())


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"version": 2, "runs": []}', '{"version": 1}', '{"version": 1, "runs": [{}]}'],
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    store = tmp_path / "measured.json"
    store.write_text(content)
    with pytest.raises(ValueError, match="must hold stored runs of version 1") as caught:
        keep_run(store, "sterna bench b", "large", {}, EFFORT)
    assert str(store) in str(caught.value) and store.read_text() == content


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    store = tmp_path / "measured.json"
    keep_run(store, "sterna bench b", "large", {"cycles": 1}, EFFORT)
    (entry,) = json.loads(store.read_text())["runs"]
    assert entry["command"] == "sterna bench b" and entry["figures"] == {"cycles": 1}
    assert entry["effort"]["processor_seconds"] == 1.5 and entry["origin"]["versions"]
