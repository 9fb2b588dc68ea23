"""The cocotb side of `sterna_sim.design_bench`: loads memories, plays runs, reads registers.

It runs inside the simulation, in the folder of the job; ``STERNA_JOB`` names the job's JSON file::

    {"runs": [[max_cycles, reset_at, waits], ...], "reload": {"0": ["1f3", ...]}}

Frames are played and written down by the modules in ``verilog/``; this side only starts the clock,
gives each run its number and waits for ``over``. Rows to be loaded (hexadecimal, by number of the
memory) go through the registers before the first frame of each run, the way a driver does it. Each
run ends with reading the registers over AXI4-Lite, into ``run<N>/registers.json``.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from sterna_hw.register_map import COUNTERS, Identity, accelerator_map, driver_table

REGISTERS = ("magic", "map_version", "build_hash", "status", "error")


@cocotb.test()
async def play_job(dut: Any) -> None:
    """Plays every run of the job; the players write the results."""
    logging.getLogger(f"cocotb.{dut._name}.s_axil").setLevel(logging.WARNING)
    job = json.loads(Path(os.environ["STERNA_JOB"]).read_text())
    dut.rst_outside.value = 1
    dut.hold.value = 0
    Clock(dut.clk, 10, "ns", impl="gpi").start()
    lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk)
    for number, (max_cycles, reset_at, waits) in enumerate(job["runs"]):
        dut.run.value = number
        dut.max_cycles.value = max_cycles
        dut.reset_at.value = reset_at & 0xFFFFFFFF
        dut.waits.value = waits
        dut.hold.value = int(bool(job["reload"]))
        dut.rst_outside.value = 1
        await ClockCycles(dut.clk, 4)
        dut.rst_outside.value = 0
        if job["reload"]:
            await load_memories(lite, {int(k): rows for k, rows in job["reload"].items()})
            dut.hold.value = 0
        await RisingEdge(dut.over)
        await ClockCycles(dut.clk, 4)
        registers = await read_registers(lite)
        Path(f"run{number}/registers.json").write_text(json.dumps(registers))


async def read_registers(lite: AxiLiteMaster) -> dict[str, int]:
    """Identity, status, errors and counters, by the names of the register map."""
    table = driver_table(accelerator_map(Identity()))
    names = [*REGISTERS, *(name for name, _ in COUNTERS)]
    return {name: await read_word(lite, table[name]["offset"]) for name in names}


async def load_memories(lite: AxiLiteMaster, memories: Mapping[int, Sequence[str]]) -> None:
    """Stops the input, waits until the design is drained, writes all rows, goes on."""
    table = driver_table(accelerator_map(Identity()))
    offset = {name: entry["offset"] for name, entry in table.items()}
    stop = 1 << table["control"]["fields"]["reload"]["low"]
    loading = 1 << table["status"]["fields"]["loading"]["low"]
    await lite.write_dword(offset["control"], stop)
    while not await read_word(lite, offset["status"]) & loading:
        pass
    for memory, rows in memories.items():
        await lite.write_dword(offset["reload_select"], memory)
        await lite.write_dword(offset["reload_row"], 0)
        words = -(-await read_word(lite, offset["memory_row_width"]) // 32)
        for row in rows:
            value = int(row, 16)
            for word in range(words):
                part = value >> (32 * word) & 0xFFFFFFFF
                await lite.write_dword(offset["reload_window"] + 4 * word, part)
    await lite.write_dword(offset["control"], 0)
    while await read_word(lite, offset["status"]) & loading:
        pass


async def read_word(lite: AxiLiteMaster, address: int) -> int:
    """One 32-bit register."""
    return await lite.read_dword(address)
