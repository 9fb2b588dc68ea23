"""The cocotb side of `sterna_sim.design_bench`: loads memories, plays runs, reads registers.

It runs inside the simulation, in the folder of the job; ``STERNA_JOB`` names the job's JSON file::

    {"runs": {"0": [max_cycles, reset_at, waits], ...}, "reload": {"0": ["1f3", ...]},
     "memory": {"base": 12288, "settling_cycles": 1300}}

Frames are played and written down by the modules in ``verilog/``; this side only starts the clock,
gives each run its number and waits for ``over``. Rows to be loaded (hexadecimal, by number of the
memory) go through the registers before the first frame of each run, by `sterna.driver` as on a
board; where weights come from external memory, the design is told where it is and begins to read.
Each run ends with reading the registers over AXI4-Lite, into ``run<N>/registers.json``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from sterna.driver import AcceleratorDriver, Steps, run_awaiting
from sterna_hw.register_map import COUNTERS, Identity, accelerator_map
from sterna_hw.registers import driver_table
from sterna_sim.simulated_bus import SimulatedBus

REGISTERS = ("magic", "map_version", "build_hash", "status", "error")
CLOCK_NS = 10
PATIENCE_CYCLES = 100_000


@cocotb.test()
async def play_job(dut: Any) -> None:
    """Plays every run of the job; the players write the results."""
    job = json.loads(Path(os.environ["STERNA_JOB"]).read_text())
    dut.rst_outside.value = 1
    dut.hold.value = 0
    Clock(dut.clk, CLOCK_NS, "ns", impl="gpi").start()
    bus = SimulatedBus(dut, dut.clk, patience_ns=PATIENCE_CYCLES * CLOCK_NS)
    memory = job["memory"]
    identity = Identity(memory_ports=int(memory is not None))
    driver = AcceleratorDriver({"registers": driver_table(accelerator_map(identity))})
    reload = {int(k): [int(row, 16) for row in rows] for k, rows in job["reload"].items()}
    for number, (max_cycles, reset_at, waits) in job["runs"].items():
        dut.run.value = int(number)
        dut.max_cycles.value = max_cycles
        dut.reset_at.value = reset_at & 0xFFFFFFFF
        dut.waits.value = waits
        dut.hold.value = int(bool(reload or memory))
        dut.rst_outside.value = 1
        await ClockCycles(dut.clk, 4)
        dut.rst_outside.value = 0
        if reload:
            await run_awaiting(bus, driver.reload(reload))
        if memory:
            await run_awaiting(bus, driver.read_weights(memory["base"]))
            await ClockCycles(dut.clk, memory["settling_cycles"])
        dut.hold.value = 0
        if memory and reset_at >= 0:
            await ClockCycles(dut.clk, reset_at + 8)
            await run_awaiting(bus, driver.read_weights(memory["base"]))
        await RisingEdge(dut.over)
        await ClockCycles(dut.clk, 4)
        registers = await run_awaiting(bus, read_registers(driver))
        Path(f"run{number}/registers.json").write_text(json.dumps(registers))


def read_registers(driver: AcceleratorDriver) -> Steps[dict[str, int]]:
    """Identity, status, errors and counters, by the names of the register map."""
    found = {}
    for name in (*REGISTERS, *(name for name, _ in COUNTERS)):
        found[name] = yield from driver.registers.read(name)
    return found
