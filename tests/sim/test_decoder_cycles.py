"""The estimate of cycles against whole runs in Verilator: within 1 % under capped memories."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.memory_timing import MemoryTiming
from sterna_sim.decoder.random_cases import open_case, random_case
from sterna_sim.dram import DramConfig, Region

SEEDS = (8, 23)

MEMORIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "late": {"read_latency": 150, "write_latency": 40},
    "narrow": {"bytes_per_cycle": Fraction("6.5")},
    "gaps": {"burst_gap": 6, "read_latency": 60},
}


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed{seed}")
def test_runs_take_as_long_as_estimated(seed: int, tmp_path: Path) -> None:
    case = random_case(seed)
    core = case.hardware.accelerator(case.model).core
    found = {}
    for name, options in MEMORIES.items():
        dram = DramConfig((Region(0, size=4096),), **options)
        with open_case(case, tmp_path / name, dram=dram) as decoder:
            simulated = decoder.run_whole(case.prompt, 4).counters
        timing = MemoryTiming(
            dram.bytes_per_cycle,
            dram.read_latency,
            dram.burst_gap,
            dram.write_latency,
            dram.write_turnaround,
        )
        estimated = DecoderEstimate(core, timing).run(len(case.prompt), 4)
        assert estimated.words == simulated["words"]
        found[name] = estimated.cycles / simulated["busy_cycles"] - 1
    assert all(abs(error) <= 0.01 for error in found.values()), found
