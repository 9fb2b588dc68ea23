"""Frames through the accelerator, compared byte by byte with what the golden model gave.

Runs under cocotb with cocotbext-axi and needs nothing else. `vectors.json` holds frames as bytes in
hexadecimal, lowest byte first, and the predicted cycles.
"""

import json
import logging
import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, with_timeout
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamSink,
    AxiStreamSource,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
FRAMES = [(bytes.fromhex(given), bytes.fromhex(wanted)) for given, wanted in VECTORS["frames"]]


class Bench:
    """Clock, reset, and the three AXI ports."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        ends = {"reset_active_level": False}
        self.source = AxiStreamSource(
            AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, **ends
        )
        self.sink = AxiStreamSink(
            AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, **ends
        )
        self.registers = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axil"), dut.aclk, dut.aresetn, **ends
        )

        # The library tells of every transfer otherwise.
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)

    async def start(self) -> None:
        Clock(self.dut.aclk, 10, unit="ns").start()
        self.dut.aresetn.value = 0
        for _ in range(4):
            await RisingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1
        for _ in range(4):
            await RisingEdge(self.dut.aclk)

    async def play(self) -> None:
        """Every frame in, every frame out and equal."""
        for given, _ in FRAMES:
            await self.source.send(given)
        for number, (_, wanted) in enumerate(FRAMES):
            frame = await with_timeout(self.sink.recv(), VECTORS["patience_ns"], "ns")
            got = bytes(frame.tdata)
            assert got == wanted, f"frame {number}: {got.hex()}, not {wanted.hex()}"
        assert self.sink.empty()


@cocotb.test()
async def identity_is_that_of_the_build(dut: Any) -> None:
    bench = Bench(dut)
    await bench.start()
    for name, offset, value in VECTORS["registers"]:
        got = await bench.registers.read_dword(offset)
        assert got == value, f"{name}: {got:#x}, not {value:#x}"


@cocotb.test()
async def frames_without_stalls_take_the_predicted_cycles(dut: Any) -> None:
    bench = Bench(dut)
    await bench.start()
    transfers = {"first": None, "ends": []}
    watching = cocotb.start_soon(watch(dut, transfers))
    await bench.play()
    watching.cancel()
    ends = transfers["ends"]
    assert ends[0] - transfers["first"] == VECTORS["latency"]
    assert ends[-1] - ends[-2] == VECTORS["interval"]


async def watch(dut: Any, transfers: dict[str, Any]) -> None:
    """Notes the cycles of the first input beat and of the last output beat of each frame."""
    cycle = 0
    while True:
        await RisingEdge(dut.aclk)
        cycle += 1
        if transfers["first"] is None and dut.s_axis_tvalid.value and dut.s_axis_tready.value:
            transfers["first"] = cycle
        if dut.m_axis_tvalid.value and dut.m_axis_tready.value and dut.m_axis_tlast.value:
            transfers["ends"].append(cycle)


@cocotb.test()
@cocotb.parametrize(seed=[1, 2, 3])
async def frames_with_stalls_are_the_same(dut: Any, seed: int) -> None:
    bench = Bench(dut)
    draw = random.Random(seed)
    rates = draw.uniform(0, 0.9), draw.uniform(0, 0.9)
    bench.source.set_pause_generator(iter(lambda: draw.random() < rates[0], None))
    bench.sink.set_pause_generator(iter(lambda: draw.random() < rates[1], None))
    await bench.start()
    await bench.play()
