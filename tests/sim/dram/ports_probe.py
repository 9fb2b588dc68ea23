"""The cocotb side of the test of real memory ports: words are written, then a long read runs.

``job.json`` says how; nothing happens in Python while the long read runs, but waiting for its end.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from sterna_sim.dram import Dram

PERIOD = 10


@cocotb.test()
async def play(dut: Any) -> None:
    job = json.loads(Path("job.json").read_text())
    dut.rst.value = 1
    dut.read_valid.value = dut.write_valid.value = dut.word_valid.value = 0
    for port, base in enumerate(job["bases"]):
        getattr(dut, f"base{port}").value = base
    Clock(dut.clk, PERIOD, "ns", impl="gpi").start()
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    dram = Dram()
    for port, address, words in job["writes"]:
        dut.write_port.value, dut.write_address.value = port, address
        dut.write_words.value = len(words)
        await offer(dut, "write")
        for number, word in enumerate(words):
            dut.word_data.value, dut.word_last.value = word, int(number == len(words) - 1)
            await offer(dut, "word")
    while not int(dut.write_idle.value):
        await RisingEdge(dut.clk)

    before = time.process_time()
    dut.read_address.value, dut.read_words.value = job["read"]
    await offer(dut, "read")
    start = get_sim_time("ns")
    if int(dut.read_idle.value):
        await FallingEdge(dut.read_idle)
    await RisingEdge(dut.read_idle)
    cycles = round((get_sim_time("ns") - start) / PERIOD)
    for _ in range(12):
        await RisingEdge(dut.clk)
    result = {
        "cycles": cycles,
        "seconds": time.process_time() - before,
        "sum": int(dut.total.value),
        "count": int(dut.count.value),
        "errors": int(dut.errors.value),
        "counters": [vars(dram.counters(port)) for port in range(len(job["bases"]))],
        "totals": vars(dram.totals()),
        "breaches": dram.breaches(),
        "peeks": [dram.peek(address, count).hex() for address, count in job["peeks"]],
    }
    Path("result.json").write_text(json.dumps(result))


async def offer(dut: Any, name: str) -> None:
    valid, ready = getattr(dut, f"{name}_valid"), getattr(dut, f"{name}_ready")
    valid.value = 1
    while True:
        await RisingEdge(dut.clk)
        if int(ready.value):
            break
    valid.value = 0
