"""Frames through the accelerator, compared with what the golden model gave.

Runs under cocotb with cocotbext-axi and numpy, and needs nothing else. Frames and registers go
through the driver of this folder, `sterna_driver`, which is the one for boards. `vectors.json`
holds the frames and the predicted cycles. If weights come from external memory, a small model of
one holds their image: of the latency that the prediction assumes, or unsteady.
"""

import json
import random
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from simulated_bus import SimulatedBus  # pyright: ignore[reportMissingImports]
from simulated_memory import SimulatedMemory  # pyright: ignore[reportMissingImports]
from sterna_driver import AcceleratorDriver, read_record, run_awaiting  # pyright: ignore[reportMissingImports]

HERE = Path(__file__).parent
VECTORS = json.loads((HERE / "vectors.json").read_text())
DRIVER = AcceleratorDriver(read_record(HERE.parent))
GIVEN = np.array([given for given, _ in VECTORS["frames"]])
WANTED = np.array([wanted for _, wanted in VECTORS["frames"]])


async def start(dut: Any, draw: random.Random | None = None) -> SimulatedBus:
    """Clock, reset, and the bus of the driver; weights are in memory and as many as can be are read
    ahead. What there is to draw from makes memory unsteady."""
    facts, ends = DRIVER.record.get("memory"), {}
    if facts is not None:
        memory = SimulatedMemory(dut, facts, draw)
        ends = {"poke": memory.poke, "place": memory.place}
    patience = VECTORS["patience_ns"]
    bus = SimulatedBus(dut, dut.aclk, dut.aresetn, patience_ns=patience, streams=True, **ends)
    Clock(dut.aclk, 10, unit="ns").start()
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    await ClockCycles(dut.aclk, 4)
    if facts is not None:
        await run_awaiting(bus, DRIVER.load_weights(HERE.parent))
        await ClockCycles(dut.aclk, facts["settling_cycles"])
    return bus


async def play(bus: SimulatedBus) -> None:
    """Every frame in, every frame out and equal."""
    got = await run_awaiting(bus, DRIVER.infer(GIVEN, ahead=len(GIVEN)))
    for number, (values, wanted) in enumerate(zip(got.tolist(), WANTED.tolist())):
        assert values == wanted, f"frame {number}: {values}, not {wanted}"
    assert bus.sink.empty()


@cocotb.test()
async def identity_is_that_of_the_build(dut: Any) -> None:
    bus = await start(dut)
    await run_awaiting(bus, DRIVER.identify())


@cocotb.test()
async def frames_without_stalls_take_the_predicted_cycles(dut: Any) -> None:
    bus = await start(dut)
    transfers = {"first": None, "ends": []}
    watching = cocotb.start_soon(watch(dut, transfers))
    await play(bus)
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
    draw = random.Random(seed)
    bus = await start(dut, draw)
    rates = draw.uniform(0, 0.9), draw.uniform(0, 0.9)
    bus.source.set_pause_generator(iter(lambda: draw.random() < rates[0], None))
    bus.sink.set_pause_generator(iter(lambda: draw.random() < rates[1], None))
    await play(bus)
