"""A small memory behind the read ports of an accelerator whose weights it holds.

Bursts of 16-byte beats, answered in order: after a fixed latency, or when there is something to
draw from, late, with gaps, and not always ready. All ports share the contents. It knows the signals
that Sterna's ports use, and checks nothing.
"""

import random
from collections import deque
from collections.abc import Mapping
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

BASE = 0x1234567000
SIGNALS = ("araddr", "arlen", "arvalid", "arready")
SIGNALS += ("rdata", "rresp", "rlast", "rvalid", "rready")


class SimulatedMemory:
    """``facts`` are the ``memory`` of the driver's record; ``draw`` makes it unsteady."""

    def __init__(self, dut: Any, facts: Mapping[str, Any], draw: random.Random | None) -> None:
        self.dut, self.facts, self.draw = dut, facts, draw
        self.content = bytearray(sum(file["bytes"] for file in facts["files"]))
        for port in range(facts["ports"]):
            axi = {name: getattr(dut, f"m_axi{port}_{name}") for name in SIGNALS}
            cocotb.start_soon(self.serve(axi))

    def place(self, _: int) -> int:
        """Where the image goes."""
        return BASE

    def poke(self, address: int, content: bytes) -> None:
        """Writes."""
        self.content[address - BASE : address - BASE + len(content)] = content

    def late(self, most: int) -> int:
        """Less than ``most``; 0 while steady."""
        return self.draw.randrange(most) if self.draw else 0

    async def serve(self, axi: Mapping[str, Any]) -> None:
        """One port, cycle by cycle."""
        for name in ("arready", "rvalid", "rresp", "rlast", "rdata"):
            axi[name].value = 0
        beats: deque[tuple[int, int, bool]] = deque()  # when, address, last
        cycle, ready, offered = 0, False, False
        while True:
            await RisingEdge(self.dut.aclk)
            cycle += 1
            if not self.dut.aresetn.value:
                beats.clear()
                ready = offered = False
                axi["arready"].value = axi["rvalid"].value = 0
                continue
            if ready and axi["arvalid"].value:
                address, length = int(axi["araddr"].value), int(axi["arlen"].value)
                due = cycle + self.facts["latency"] + self.late(60)
                beats += [(due, address + 16 * n, n == length) for n in range(length + 1)]
            if offered and axi["rready"].value:
                offered = False
            ready = not self.late(4)
            axi["arready"].value = ready
            if not offered:
                offered = bool(beats) and beats[0][0] <= cycle + 1 and not self.late(4)
                axi["rvalid"].value = offered
                if offered:
                    _, address, is_last = beats.popleft()
                    word = self.content[address - BASE : address - BASE + 16]
                    axi["rdata"].value = int.from_bytes(word, "little")
                    axi["rlast"].value = is_last
