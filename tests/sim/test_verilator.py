"""Models are built once, and nothing is left of a build that failed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sterna.cache import cache_folder
from sterna_sim import verilator
from sterna_sim.verilator import build_model
from sterna_sim.verilator_tool import SimulatorError

SOURCE = "module top(input wire clk, output reg q); always @(posedge clk) q <= !q; endmodule\n"


def test_same_sources_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_model({"top.v": SOURCE}, "top")

    def refuse(*arguments: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(verilator, "_build", refuse)
    assert build_model({"top.v": SOURCE, "contents.hex": "0\n"}, "top") == first
    with pytest.raises(AssertionError, match="built again"):
        build_model({"top.v": SOURCE.replace("!q", "~q")}, "top")


def test_bad_verilog_is_quoted_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A cache of its own: others may be building in the common one at the same time.
    monkeypatch.setenv("STERNA_CACHE", str(tmp_path))
    with pytest.raises(SimulatorError) as error:
        build_model({"top.v": SOURCE.replace("!q", "!r")}, "top")
    assert "Verilator could not build top" in str(error.value)
    assert "Can't find definition of variable: 'r'" in str(error.value)
    assert not list((cache_folder() / "models").glob("building-*"))


def test_cache_keeps_what_was_used_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    models = tmp_path_factory.mktemp("cache")
    for age in range(4):
        (models / f"model{age}").mkdir()
        (models / f"model{age}.lock").touch()
        os.utime(models / f"model{age}", (1000 - age, 1000 - age))
    monkeypatch.setattr(verilator, "KEPT_MODELS", 2)
    verilator._drop_oldest(models)
    assert sorted(path.name for path in models.iterdir()) == [
        "model0",
        "model0.lock",
        "model1",
        "model1.lock",
    ]
