"""Runs jobs of `dram_probe` on the bare DRAM with two or four ports."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sterna_sim.dram import DramConfig, dram_arguments, dram_sources
from sterna_sim.verilator import build_model, run_model

BEAT = 16


def run_job(
    folder: Path,
    config: DramConfig,
    ports: list[dict[str, Any]],
    cycles: int,
    monkeypatch: pytest.MonkeyPatch,
    **more: Any,
) -> dict[str, Any]:
    """What happened: see `dram_probe`. Every port has ``reads`` and ``writes``, empty if absent."""
    complete = [{"reads": [], "writes": [], **port} for port in ports]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps({"ports": complete, "cycles": cycles, **more}))
    config.write(folder)
    model = build_model(dram_sources(len(ports)), "sterna_dram", arguments=dram_arguments())
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])
    run_model(model, "sterna_dram", "dram_probe", folder)
    return json.loads((folder / "result.json").read_text())


def read_cycles(result: dict[str, Any], port: int) -> list[int]:
    return [cycle for cycle, *_ in result["events"][port]["read"]]
