"""The cocotb side of `sterna_sim.rtl_part_bench`: plays the runs of ``job.json`` one by one.

It runs inside the simulation, in the folder of the job. A run is a reset with the run's number on
the inputs of the bench, then waiting for ``over``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge


@cocotb.test()
async def play_runs(dut: Any) -> None:
    """Plays every run of the job; the bench writes the results."""
    dut.rst_outside.value = 1
    Clock(dut.clk, 10, "ns", impl="gpi").start()
    for number, (max_cycles, reset_at, waits) in enumerate(
        json.loads(Path("job.json").read_text())
    ):
        dut.run.value = number
        dut.max_cycles.value = max_cycles
        dut.reset_at.value = reset_at & 0xFFFFFFFF
        dut.waits.value = waits
        dut.rst_outside.value = 1
        await ClockCycles(dut.clk, 4)
        dut.rst_outside.value = 0
        await RisingEdge(dut.over)
        await ClockCycles(dut.clk, 2)
    # One more reset closes the files of the last run; the simulation's end would do so, too.
    await ClockCycles(dut.clk, 2)
