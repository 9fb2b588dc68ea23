"""The cocotb side of `sterna_sim.decoder.rtl_decoder`: a host that does what it is told by socket.

It runs inside the simulation. Requests and answers are lines of JSON on a socket whose address
stands in ``STERNA_HOST_SOCKET``; while nothing is asked, simulated time stands still. A request is
a run of the accelerator: prompt, position, how many tokens to produce. Each produced token is
answered at once, with the cycle of its interrupt; the end of the run with its best logits, errors
and counters. Everything goes over AXI4-Lite, as a driver on a board would do it.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge, Timer
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from sterna_sim.dram.handle import Dram

CLOCK_NS = 4
SETTINGS = "host.json"


class Registers:
    """Registers by the names of the design's table."""

    def __init__(self, dut: Any, table: dict[str, Any]) -> None:
        logging.getLogger(f"cocotb.{dut._name}.s_axil").setLevel(logging.WARNING)
        bus = AxiLiteBus.from_prefix(dut, "s_axil")
        self.table = table
        self.manager = AxiLiteMaster(bus, dut.aclk, dut.aresetn, reset_active_level=False)

    async def write(self, name: str, value: int) -> None:
        await self.manager.write_dword(self.table[name]["offset"], value & 0xFFFFFFFF)

    async def read(self, name: str) -> int:
        return await self.manager.read_dword(self.table[name]["offset"])

    async def fields(self, name: str) -> dict[str, int]:
        """All fields of a register."""
        value = await self.read(name)
        return {
            field: value >> facts["low"] & ((1 << facts["width"]) - 1)
            for field, facts in self.table[name]["fields"].items()
        }


@cocotb.test()
async def serve(dut: Any) -> None:
    """Sets the design up, then serves requests until the socket closes."""
    settings = json.loads(Path(SETTINGS).read_text())
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(b"\0" + os.environ["STERNA_HOST_SOCKET"].encode())
    lines = channel.makefile("rw", encoding="utf-8")

    def answer(**content: Any) -> None:
        lines.write(json.dumps(content) + "\n")
        lines.flush()

    dut.aresetn.value = 0
    Clock(dut.aclk, CLOCK_NS, "ns", impl="gpi").start()
    await ClockCycles(dut.aclk, 5)
    dut.aresetn.value = 1
    await ClockCycles(dut.aclk, 2)
    registers = Registers(dut, settings["registers"])
    memory = Dram() if settings["has_dram"] else None
    for name, value in settings["set_up"].items():
        await registers.write(name, value)
    answer(ready=True, magic=await registers.read("magic"))
    for line in lines:
        request = json.loads(line)
        kind = request.pop("kind")
        if kind == "run":
            await _run(dut, registers, request, answer)
        elif kind == "write":
            await registers.write(request["name"], request["value"])
            answer(done=True)
        elif kind == "read":
            answer(fields=await registers.fields(request["name"]))
        elif kind == "poke" and memory is not None:
            memory.poke(request["address"], bytes.fromhex(request["bytes"]))
            answer(done=True)
        if memory is not None and (breaches := memory.breaches()):
            raise AssertionError(f"AXI was broken: {breaches[:3]}")


def _cycle() -> int:
    return round(get_sim_time("ns") / CLOCK_NS)


async def _run(dut: Any, registers: Registers, request: dict[str, Any], answer: Any) -> None:
    table = registers.table
    await registers.write("prompt_index", 0)
    for token in request["prompt"]:
        await registers.write("prompt_token", token)
    await registers.write("start_position", request["position"])
    await registers.write("prompt_count", len(request["prompt"]))
    await registers.write("generate_count", request["generate"])
    stop = request["stop"]
    await registers.write("stop", 0 if stop is None else 1 << 31 | stop)
    everything = 0b111
    await registers.write("interrupt", everything << 16 | everything)
    await registers.write("control", 0b10)
    before = _cycle()
    await registers.write("control", 0b1)
    produced, limit = 0, Timer(request["limit"] * CLOCK_NS, "ns")
    while True:
        if not int(dut.interrupt.value):
            await First(RisingEdge(dut.interrupt), limit)
        now = _cycle()
        if not int(dut.interrupt.value):
            answer(failed=f"No interrupt within {request['limit']} cycles")
            return
        await registers.write("interrupt", everything << 16 | everything)
        count = await registers.read("produced")
        for index in range(produced, count):
            await registers.write("output_index", index)
            answer(token=await registers.read("output_token"), cycle=now - before)
        produced = count
        status = await registers.fields("status")
        if status["idle"] or status["failed"]:
            break
    # A token may have come between the last look and the end.
    for index in range(produced, await registers.read("produced")):
        await registers.write("output_index", index)
        answer(token=await registers.read("output_token"), cycle=_cycle() - before)
    best = []
    for index in range(request["best"]):
        await registers.write("best_index", index)
        logit = await registers.read("best_logit")
        best.append([await registers.read("best_token"), logit - (logit >> 31 << 32)])
    errors = await registers.fields("error")
    counters = {name: await registers.read(name) for name in request["counters"]}
    await registers.write("error", 0xFFFFFFFF)
    answer(
        done=True,
        best=best,
        scale=await registers.fields("logit_scale"),
        errors=[name for name, is_set in errors.items() if is_set],
        failed_run=bool(status["failed"]),
        place=await registers.fields("place"),
        position=await registers.read("position"),
        counters=counters,
        offsets={name: table[name]["offset"] for name in ("control",)},
    )
