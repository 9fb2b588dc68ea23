"""Runs inside the simulation of `test_memory_registers_simulated`: drives every memory's source,
netlist and edited netlist with the same random reads and loads, and counts in ``result.json`` in
how many half cycles their outputs differ, and in how many cycles they have changed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

CYCLES = 400
FIRST_COMPARED = 3
"""Nothing is known of a memory's outputs before the first read is through."""


@cocotb.test()
async def compare_outputs(dut) -> None:
    job = json.loads(Path("job.json").read_text())
    chance = random.Random(job["seed"])
    cases: dict[str, tuple[int, int]] = job["cases"]
    differing, changed = ({name: 0 for name in cases} for _ in range(2))
    before: dict[str, str] = {}
    for cycle in range(CYCLES):
        for name, (depth, width) in cases.items():
            address, load_address = (chance.randrange(depth) for _ in range(2))
            # What is read while it is loaded is undefined.
            enable = chance.random() < 0.5 and load_address != address
            getattr(dut, f"{name}_address").value = address
            getattr(dut, f"{name}_load_enable").value = int(enable)
            getattr(dut, f"{name}_load_address").value = load_address
            getattr(dut, f"{name}_load_data").value = chance.getrandbits(width)
        for level in (0, 1):
            dut.clk.value = level
            await Timer(1, "ns")
            for name in cases if cycle >= FIRST_COMPARED else ():
                seen = [
                    str(getattr(dut, f"{name}_{kind}").value)
                    for kind in ("source", "netlist", "edited")
                ]
                differing[name] += len(set(seen)) > 1
                changed[name] += level and seen[0] != before.get(name)
                before[name] = seen[0]
    Path("result.json").write_text(json.dumps({"differing": differing, "changed": changed}))
