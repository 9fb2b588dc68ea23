"""A prompt through the decoder; tokens and best logits compared with what the golden model gave.

Runs under cocotb with cocotbext-axi and needs nothing else. The host here does what a driver on a
board does, over AXI4-Lite; registers.json of the folder says where what is.
"""

import json
import logging
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge, Timer
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

HERE = Path(__file__).parent
VECTORS = json.loads((HERE / "vectors.json").read_text())
REGISTERS = json.loads((HERE.parent / "registers.json").read_text())
MEMORY = os.environ["DECODER_MEMORY"]
CLOCK_NS = 4
ALL_INTERRUPTS = 0b111 << 16 | 0b111


class Host:
    """Clock, reset, and the registers by name."""

    def __init__(self, dut: Any) -> None:
        logging.getLogger(f"cocotb.{dut._name}.s_axil").setLevel(logging.WARNING)
        bus = AxiLiteBus.from_prefix(dut, "s_axil")
        self.dut = dut
        self.manager = AxiLiteMaster(bus, dut.aclk, dut.aresetn, reset_active_level=False)

    async def start(self) -> None:
        Clock(self.dut.aclk, CLOCK_NS, "ns", impl="gpi").start()
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, 5)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)
        for name, value in VECTORS["set_up"].items():
            await self.write(name, value)

    async def write(self, name: str, value: int) -> None:
        await self.manager.write_dword(REGISTERS[name]["offset"], value)

    async def read(self, name: str) -> int:
        return await self.manager.read_dword(REGISTERS[name]["offset"])

    async def field(self, name: str, field: str) -> int:
        facts = REGISTERS[name]["fields"][field]
        return await self.read(name) >> facts["low"] & ((1 << facts["width"]) - 1)

    async def run(self, prompt: list[int], position: int, count: int) -> None:
        """One run, to its end."""
        await self.write("prompt_index", 0)
        for token in prompt:
            await self.write("prompt_token", token)
        await self.write("start_position", position)
        await self.write("prompt_count", len(prompt))
        await self.write("generate_count", count)
        await self.write("interrupt", ALL_INTERRUPTS)
        await self.write("control", 0b10)
        await self.write("control", 0b1)
        patience = Timer(VECTORS["patience_cycles"] * CLOCK_NS, "ns")
        while not await self.field("status", "idle"):
            assert not await self.field("status", "failed"), f"error {await self.read('error'):#x}"
            if not int(self.dut.interrupt.value):
                await First(RisingEdge(self.dut.interrupt), patience)
                assert int(self.dut.interrupt.value), "no interrupt"
            await self.write("interrupt", ALL_INTERRUPTS)
        assert await self.read("error") == 0

    async def tokens(self) -> list[int]:
        """What the latest run gave."""
        found = []
        for index in range(await self.read("produced")):
            await self.write("output_index", index)
            found.append(await self.read("output_token"))
        return found

    async def best(self) -> list[list[int]]:
        """Tokens and logits of the latest result, best first."""
        found = []
        for index in range(len(VECTORS["best"])):
            await self.write("best_index", index)
            logit = await self.read("best_logit")
            found.append([await self.read("best_token"), logit - (logit >> 31 << 32)])
        return found


@cocotb.test()
async def identity_is_that_of_the_build(dut: Any) -> None:
    host = Host(dut)
    await host.start()
    for name, value in VECTORS["identity"].items():
        got = await host.read(name)
        assert got == value, f"{name}: {got:#x}, not {value:#x}"


@cocotb.test()
async def tokens_and_logits_are_the_golden_ones(dut: Any) -> None:
    host = Host(dut)
    await host.start()
    await host.run(VECTORS["prompt"], 0, len(VECTORS["tokens"]))
    got = await host.tokens()
    assert got == VECTORS["tokens"], f"tokens {got}, not {VECTORS['tokens']}"
    best = await host.best()
    assert best == VECTORS["best"], f"best logits {best}, not {VECTORS['best']}"
    if (predicted := VECTORS["cycles"].get(MEMORY)) is not None:
        cycles = await host.read("busy_cycles")
        assert abs(cycles - predicted) <= 0.01 * predicted, f"{cycles} cycles, not {predicted}"


@cocotb.test()
async def token_by_token_it_is_the_same(dut: Any) -> None:
    """A run for each token, as a host does that draws: the cache keeps what was before."""
    host = Host(dut)
    await host.start()
    prompt, position, tokens = VECTORS["prompt"], 0, []
    for _ in VECTORS["tokens"]:
        await host.run(prompt, position, 1)
        position += len(prompt)
        assert await host.read("position") == position
        prompt = await host.tokens()
        tokens += prompt
    assert tokens == VECTORS["tokens"], f"tokens {tokens}, not {VECTORS['tokens']}"
    best = await host.best()
    assert best == VECTORS["best"], f"best logits {best}, not {VECTORS['best']}"
