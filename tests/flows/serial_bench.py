"""The UART of a board in a simulation, at the other end of a pseudo terminal.

What the host writes to the terminal becomes levels of ``rx``; bytes on ``tx`` go back. While no
byte is under way in either direction, simulated time stands still and the host is waited for. The
file ``terminal`` in the folder of the simulation names the host's end; a file ``stop`` ends it all.
"""

from __future__ import annotations

import os
import select
import tty
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

BITS = 10
REST_BYTES = 60
"""So many bytes' time the board may think without sending."""


@cocotb.test()
async def serve(dut: Any) -> None:
    terminal, other = os.openpty()
    tty.setraw(terminal)
    tty.setraw(other)
    divisor = int(os.environ["STERNA_DIVISOR"])
    stop, name = Path("stop"), Path("terminal")
    name.with_suffix(".new").write_text(os.ttyname(other))
    name.with_suffix(".new").rename(name)
    damage = int(os.environ.get("STERNA_DAMAGE", "-1"))
    dut.rx.value = 1
    Clock(dut.clock, 10, "ns", impl="gpi").start()
    await ClockCycles(dut.clock, 100)
    sent = bytearray()
    received = cocotb.start_soon(watch(dut, divisor, sent))
    quiet, count = REST_BYTES, 0
    while not stop.exists():
        patience = 0.05 if quiet >= REST_BYTES else 0.0
        if select.select([terminal], [], [], patience)[0]:
            for byte in os.read(terminal, 64):
                byte ^= 0x40 if count == damage else 0
                count += 1
                await put(dut, divisor, byte)
            quiet = 0
        elif quiet < REST_BYTES:
            await ClockCycles(dut.clock, BITS * divisor)
            quiet += 1
        if sent:
            os.write(terminal, bytes(sent))
            sent.clear()
            quiet = 0
    received.cancel()


async def put(dut: Any, divisor: int, byte: int) -> None:
    """A byte onto the line to the board."""
    for bit in (0, *(byte >> place & 1 for place in range(8)), 1):
        dut.rx.value = bit
        await ClockCycles(dut.clock, divisor)


async def watch(dut: Any, divisor: int, sent: bytearray) -> None:
    """Bytes from the line from the board."""
    while True:
        await FallingEdge(dut.tx)
        await ClockCycles(dut.clock, divisor // 2)
        byte = 0
        for place in range(8):
            await ClockCycles(dut.clock, divisor)
            byte |= int(dut.tx.value) << place
        await ClockCycles(dut.clock, divisor)
        assert int(dut.tx.value) == 1
        sent.append(byte)
        await RisingEdge(dut.clock)
