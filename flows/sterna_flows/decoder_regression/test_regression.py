"""A prompt through the decoder; tokens and best logits compared with what the golden model gave.

Runs under cocotb with cocotbext-axi and numpy, and needs nothing else. The host is the driver of
this folder, `sterna_driver`, which is the one for boards: it also puts the image into memory.
"""

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from simulated_bus import SimulatedBus  # pyright: ignore[reportMissingImports]
from sterna_driver import DecoderDriver, DecoderRun, read_record, run_awaiting  # pyright: ignore[reportMissingImports]

HERE = Path(__file__).parent
VECTORS = json.loads((HERE / "vectors.json").read_text())
DRIVER = DecoderDriver(read_record(HERE.parent))
MEMORY = os.environ["DECODER_MEMORY"]
CLOCK_NS = 4


async def start(dut: Any) -> SimulatedBus:
    """Clock, reset, the memory with its image, and the bus of the driver."""
    poke, regions = None, VECTORS["regions"]
    if regions:
        from handle import Dram  # pyright: ignore[reportMissingImports]

        poke = Dram().poke
    bus = SimulatedBus(
        dut,
        dut.aclk,
        dut.aresetn,
        patience_ns=VECTORS["patience_cycles"] * CLOCK_NS,
        poke=poke,
        place=lambda port: regions[port]["base"],
    )
    Clock(dut.aclk, CLOCK_NS, "ns", impl="gpi").start()
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, 5)
    dut.aresetn.value = 1
    await ClockCycles(dut.aclk, 2)
    await run_awaiting(bus, DRIVER.load_image(HERE.parent))
    return bus


def check_best(result: DecoderRun) -> None:
    """The last logits are the golden ones."""
    best = [list(candidate) for candidate in result.best]
    assert best == VECTORS["best"], f"best logits {best}, not {VECTORS['best']}"


@cocotb.test()
async def identity_is_that_of_the_build(dut: Any) -> None:
    bus = await start(dut)
    await run_awaiting(bus, DRIVER.identify())


@cocotb.test()
async def tokens_and_logits_are_the_golden_ones(dut: Any) -> None:
    bus = await start(dut)
    result = await run_awaiting(bus, DRIVER.run(VECTORS["prompt"], len(VECTORS["tokens"])))
    assert not result.errors, f"errors {result.errors}"
    assert result.tokens == VECTORS["tokens"], f"tokens {result.tokens}, not {VECTORS['tokens']}"
    check_best(result)
    if (predicted := VECTORS["cycles"].get(MEMORY)) is not None:
        cycles = result.counters["busy_cycles"]
        assert abs(cycles - predicted) <= 0.01 * predicted, f"{cycles} cycles, not {predicted}"


@cocotb.test()
async def token_by_token_it_is_the_same(dut: Any) -> None:
    """A run for each token, as a host does that draws: the cache keeps what was before."""
    bus = await start(dut)
    prompt, position, tokens = VECTORS["prompt"], 0, []
    result = DecoderRun()
    for _ in VECTORS["tokens"]:
        result = await run_awaiting(bus, DRIVER.run(prompt, 1, position))
        assert not result.errors, f"errors {result.errors}"
        position += len(prompt)
        assert result.position == position
        prompt = result.tokens
        tokens += prompt
    assert tokens == VECTORS["tokens"], f"tokens {tokens}, not {VECTORS['tokens']}"
    check_best(result)
