"""The UART against its own telling, against the other end, and against bad lines."""

from __future__ import annotations

import random

import pytest
from amaranth.sim import Simulator

from sterna_hw.board import UartConfig


def send(config: UartConfig, content: bytes, pauses: list[int]) -> list[int]:
    """The line as the gateware drives it, one level a cycle, from the first byte on."""
    part = config.create_transmitter()
    levels: list[int] = []

    async def feed(ctx) -> None:
        for byte, pause in zip(content, pauses):
            await ctx.tick().repeat(pause) if pause else None
            ctx.set(part.i.payload, byte)
            ctx.set(part.i.valid, 1)
            await ctx.tick().until(part.i.ready)
            ctx.set(part.i.valid, 0)
        await ctx.tick().repeat(config.cycles + 2)

    async def watch(ctx) -> None:
        async for _, _, level in ctx.tick().sample(part.tx):
            levels.append(level)

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    return levels


def receive(config: UartConfig, levels: list[int]) -> bytes:
    """What the gateware finds on a line."""
    part = config.create_receiver()
    found = bytearray()

    async def drive(ctx) -> None:
        for level in [*levels, *[1] * (config.cycles + 8)]:
            ctx.set(part.rx, level)
            *_, valid, data = await ctx.tick().sample(part.valid, part.data)
            if valid:
                found.append(data)

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
    return bytes(found)


@pytest.mark.parametrize("divisor", [4, 5, 25])
def test_the_line_is_the_told_one(divisor: int) -> None:
    config, content = UartConfig(divisor), bytes([0x00, 0xFF, 0x53, 0xA6])
    levels = send(config, content, [0] * len(content))
    begin = levels.index(0)
    told = config.compute(content)
    assert len(told) == len(content) * config.cycles
    assert levels[begin : begin + len(told)] == told and all(levels[begin + len(told) :])
    assert config.read(told) == content


@pytest.mark.parametrize("divisor", [4, 7, 16])
@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
def test_lines_with_pauses_and_spikes(divisor: int, seed: int) -> None:
    """Random gaps, spikes shorter than half a bit, bytes whose stop bit is low."""
    draw, config = random.Random(seed), UartConfig(divisor)
    levels: list[int] = [1, 1]
    for _ in range(12):
        line = config.compute(draw.randbytes(1))
        if draw.random() < 0.2:
            line[9 * divisor :] = [0] * (divisor + 1)
        levels += line + [1] * draw.choice([0, 1, divisor, 40])
        if draw.random() < 0.3:
            levels += [1] * config.cycles + [0] * (divisor // 2) + [1] * config.cycles
    assert receive(config, levels) == config.read(levels)
    assert len(config.read(levels)) > 4


@pytest.mark.parametrize("skew", [0.97, 1.03])
def test_an_end_that_is_faster_or_slower(skew: float) -> None:
    config, content = UartConfig(20), bytes(range(0, 250, 17))
    line = config.compute(content)
    stretched = [line[int(place / skew)] for place in range(int(len(line) * skew))]
    assert receive(config, stretched) == content


def test_rates() -> None:
    assert UartConfig.of_rate(25e6, 1e6).divisor == 25
    assert UartConfig.of_rate(25e6, 115200).divisor == 217
    for baud in (9e6, 4.4e6, 0):
        with pytest.raises(ValueError, match="Baud rate must be within 2 %"):
            UartConfig.of_rate(25e6, baud)
    with pytest.raises(ValueError, match="must be 4 or more, not 3"):
        UartConfig(3)
