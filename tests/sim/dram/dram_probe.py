"""The cocotb side of the DRAM's tests: plays reads and writes on bare ports, writes down cycles.

``job.json`` lists, for each port, reads (cycle, address, beats) and writes (cycle, address, words);
a transfer is offered from its cycle on and in order. ``result.json`` gets every event with its
cycle; cycle 0 is the first one without reset.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sterna_sim.dram import Dram


class Player:
    """One port: what it offers, and what has happened on it."""

    def __init__(self, dut: Any, port: int, job: dict) -> None:
        self.pins = {
            name: getattr(dut, f"p{port}_{name}")
            for name in (
                "arvalid araddr arlen arsize arburst rready awvalid awaddr awlen awsize awburst "
                "wvalid wdata wstrb wlast bready arready rvalid rdata rresp rlast awready wready "
                "bvalid bresp"
            ).split()
        }
        self.reads, self.writes = list(job["reads"]), list(job["writes"])
        self.ready_every = job.get("ready_every", 1)
        self.words = [
            (start, word, number == len(words) - 1)
            for start, _, words in self.writes
            for number, word in enumerate(words)
        ]
        self.events: dict[str, list] = {"address": [], "read": [], "write": [], "response": []}
        for name, value in (("arsize", 4), ("arburst", 1), ("awsize", 4), ("awburst", 1)):
            self.pins[name].value = job.get(name, value)
        self.pins["wstrb"].value = job.get("wstrb", 0xFFFF)
        self.pins["bready"].value = 1
        self.offered = {"ar": False, "aw": False, "w": False}

    def drive(self, cycle: int) -> None:
        pins = self.pins
        pins["rready"].value = int(cycle % self.ready_every == 0)
        self.offered["ar"] = bool(self.reads) and self.reads[0][0] <= cycle
        if self.offered["ar"]:
            pins["araddr"].value, pins["arlen"].value = self.reads[0][1], self.reads[0][2] - 1
        self.offered["aw"] = bool(self.writes) and self.writes[0][0] <= cycle
        if self.offered["aw"]:
            pins["awaddr"].value = self.writes[0][1]
            pins["awlen"].value = len(self.writes[0][2]) - 1
        self.offered["w"] = bool(self.words) and self.words[0][0] <= cycle
        if self.offered["w"]:
            pins["wdata"].value, pins["wlast"].value = self.words[0][1], int(self.words[0][2])
        for channel, offered in self.offered.items():
            pins[f"{channel}valid"].value = int(offered)

    def sample(self, cycle: int) -> None:
        pins = self.pins
        if self.offered["ar"] and int(pins["arready"].value):
            self.events["address"].append((cycle, *self.reads.pop(0)[1:]))
        if self.offered["aw"] and int(pins["awready"].value):
            self.writes.pop(0)
        if self.offered["w"] and int(pins["wready"].value):
            self.words.pop(0)
            self.events["write"].append(cycle)
        if int(pins["rvalid"].value) and int(pins["rready"].value):
            values = [int(pins[name].value) for name in ("rdata", "rlast", "rresp")]
            self.events["read"].append((cycle, f"{values[0]:032x}", *values[1:]))
        if int(pins["bvalid"].value):
            self.events["response"].append((cycle, int(pins["bresp"].value)))


@cocotb.test()
async def play(dut: Any) -> None:
    job = json.loads(Path("job.json").read_text())
    dut.rst.value = 1
    players = [Player(dut, port, ports) for port, ports in enumerate(job["ports"])]
    for player in players:
        for channel in ("ar", "aw", "w"):
            player.pins[f"{channel}valid"].value = 0
    Clock(dut.clk, 10, "ns", impl="gpi").start()
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    dram = Dram()
    for address, values in job.get("pokes", []):
        dram.poke(address, bytes.fromhex(values))
    for cycle in range(job["cycles"]):
        for player in players:
            player.drive(cycle)
        # Values read right after an edge are those from before it.
        await RisingEdge(dut.clk)
        for player in players:
            player.sample(cycle)
    result = {
        "events": [player.events for player in players],
        "counters": [vars(dram.counters(port)) for port in range(len(players))],
        "totals": vars(dram.totals()),
        "breaches": dram.breaches(),
        "peeks": [dram.peek(address, count).hex() for address, count in job.get("peeks", [])],
    }
    Path("result.json").write_text(json.dumps(result))
