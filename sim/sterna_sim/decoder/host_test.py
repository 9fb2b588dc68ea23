"""The cocotb side of `sterna_sim.decoder.rtl_decoder`: a host that does what it is told by socket.

It runs inside the simulation. Requests and answers are lines of JSON on a socket whose address
stands in ``STERNA_HOST_SOCKET``; while nothing is asked, simulated time stands still. A request is
a run of the accelerator: prompt, position, how many tokens to produce. Each produced token is
answered at once, with the cycle of its interrupt; the end of the run with its best logits, errors
and counters. What is done with the registers is the business of `sterna.driver`, as on a board.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotb.utils import get_sim_time

from sterna.driver import DecoderDriver, DriverError, run_awaiting
from sterna_sim.dram.handle import Dram
from sterna_sim.simulated_bus import SimulatedBus

CLOCK_NS = 4
SETTINGS = "host.json"


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
    bus = SimulatedBus(dut, dut.aclk, dut.aresetn, patience_ns=settings["patience"] * CLOCK_NS)
    driver = DecoderDriver(settings["record"])
    registers = driver.registers
    memory = Dram() if settings["bases"] else None
    if memory is not None:
        await run_awaiting(bus, driver.place_memory(settings["bases"]))
    answer(ready=True, magic=await run_awaiting(bus, registers.read("magic")))
    for line in lines:
        request = json.loads(line)
        kind = request.pop("kind")
        if kind == "run":
            await _run(bus, driver, request, answer)
        elif kind == "write":
            try:
                await run_awaiting(bus, registers.write(request["name"], request["value"]))
                answer(done=True)
            except OSError:
                answer(done=True, refused=True)
        elif kind == "read":
            answer(fields=await run_awaiting(bus, registers.fields(request["name"])))
        elif kind == "poke" and memory is not None:
            memory.poke(request["address"], bytes.fromhex(request["bytes"]))
            answer(done=True)
        if memory is not None and (breaches := memory.breaches()):
            raise AssertionError(f"AXI was broken: {breaches[:3]}")


def _cycle(time_ns: float) -> int:
    return round(time_ns / CLOCK_NS)


async def _run(
    bus: SimulatedBus, driver: DecoderDriver, request: dict[str, Any], answer: Any
) -> None:
    prompt, count = request["prompt"], request["generate"]
    try:
        steps = driver.prepare(prompt, count, request["position"], request["stop"])
        await run_awaiting(bus, steps)
        before = _cycle(get_sim_time("ns"))

        def tell(token: int) -> None:
            answer(token=token, cycle=_cycle(bus.woken_ns) - before)

        result = await run_awaiting(bus, driver.finish(tell))
    except DriverError as error:
        answer(failed=str(error))
        return
    answer(best=result.best, result=asdict(result))
