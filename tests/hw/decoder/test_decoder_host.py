"""The host's side: every register, prompt, output, logits, program, errors, counters, interrupt."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from sterna_hw.decoder.decoder_host import SETTINGS, DecoderHostConfig
from sterna_hw.decoder.decoder_map import (
    DECODER_COUNTERS,
    DECODER_ERRORS,
    DecoderIdentity,
    decoder_map,
)
from sterna_hw.registers import Access, driver_table

from ..axi_lite_manager import OKAY, SLVERR, AxiLiteManager

IDENTITY = DecoderIdentity(
    build_hash=0x12345678,
    model_hash=0x9ABCDEF0,
    lanes=5,
    ports=3,
    best_count=4,
    context=9,
    vocabulary=37,
    program_depth=8,
)


class Bench:
    """A host side with a manager; `loads` are what it writes into the program."""

    def __init__(self, seed: int | None = None) -> None:
        self.host = DecoderHostConfig(IDENTITY).create()
        self.table = driver_table(decoder_map(IDENTITY))
        self.manager = AxiLiteManager(self.host, seed=seed)
        self.loads: list[tuple[int, int]] = []
        self.pulses: list[str] = []

    def play(self, script: Any) -> None:
        module = Module()
        module.domains += ClockDomain("sync")
        module.submodules.host = self.host
        finished: list[bool] = []

        async def watch(ctx: Any) -> None:
            while not finished:
                load = self.host.load
                if ctx.get(load.enable):
                    self.loads.append((ctx.get(load.address), ctx.get(load.data)))
                self.pulses += [
                    name for name in ("start", "recover") if ctx.get(getattr(self.host, name))
                ]
                await ctx.tick()

        async def play(ctx: Any) -> None:
            ctx.set(self.host.idle, 1)
            await script(ctx)
            finished.append(True)

        simulator = Simulator(module)
        simulator.add_clock(1e-6)
        simulator.add_testbench(watch)
        simulator.add_testbench(play)
        simulator.run()

    async def read(self, ctx: Any, name: str, field: str = "value") -> int:
        facts = self.table[name]["fields"][field]
        value = await self.manager.read(ctx, self.table[name]["offset"])
        return value >> facts["low"] & ((1 << facts["width"]) - 1)

    async def write(self, ctx: Any, name: str, value: int) -> int:
        return await self.manager.write(ctx, self.table[name]["offset"], value)

    async def errors(self, ctx: Any) -> set[str]:
        value = await self.manager.read(ctx, self.table["error"]["offset"])
        return {name for bit, (name, _) in enumerate(DECODER_ERRORS) if value >> bit & 1}

    async def pulse(self, ctx: Any, name: str, cycles: int = 1) -> None:
        ctx.set(getattr(self.host, name), 1)
        await ctx.tick().repeat(cycles)
        ctx.set(getattr(self.host, name), 0)


@pytest.mark.parametrize("seed", [None, 3], ids=["straight", "seed3"])
def test_every_word_answers_as_the_map_says(seed: int | None) -> None:
    bench = Bench(seed)
    registers = {register.offset: register for register in decoder_map(IDENTITY).registers}

    async def script(ctx: Any) -> None:
        for address in (*range(0, 0x190, 4), 0xFFC, 0x1000, 0x1FFC):
            response, value = await bench.manager.read_response(ctx, address)
            register = registers.get(address)
            assert response == (OKAY if register else SLVERR), hex(address)
            for field in register.fields if register else ():
                if field.access in (Access.CONSTANT, Access.READ_WRITE):
                    found = value >> field.low & ((1 << field.width) - 1)
                    assert found == field.reset, (hex(address), field.name)
        for name in SETTINGS:
            assert await bench.write(ctx, name, 0xFFFFFFFF) == OKAY
            assert await bench.read(ctx, name) == 0xFFFFFFFF
            assert ctx.get(getattr(bench.host, name)) == 0xFFFFFFFF
        assert await bench.write(ctx, "produced", 1) == SLVERR
        assert await bench.manager.write(ctx, 0x1000, 1) == SLVERR

    bench.play(script)


def test_prompt_and_output() -> None:
    bench = Bench()
    host = bench.host

    async def script(ctx: Any) -> None:
        tokens = [3, 36, 37, 63, 64, 1 << 31, 0, 5, 6]
        await bench.write(ctx, "prompt_index", 0)
        for token in tokens:
            await bench.write(ctx, "prompt_token", token)
        assert await bench.read(ctx, "prompt_index") == 9
        assert await bench.read(ctx, "error", "write_refused") == 0
        # Beyond the context, and while a run is under way.
        await bench.write(ctx, "prompt_token", 1)
        assert await bench.read(ctx, "error", "write_refused") == 1
        await bench.write(ctx, "error", 0xFFFFFFFF)
        ctx.set(host.idle, 0)
        await bench.write(ctx, "prompt_index", 2)
        await bench.write(ctx, "prompt_token", 1)
        assert await bench.read(ctx, "error", "write_refused") == 1
        assert await bench.read(ctx, "prompt_index") == 2
        for place, token in enumerate(tokens):
            ctx.set(host.prompt_address, place)
            await ctx.tick().repeat(2)
            found = ctx.get(host.prompt_token)
            assert found & 63 == token & 63 and found >> 6 == (token > 63)
        for place in range(9):
            ctx.set(host.output_address, place)
            ctx.set(host.produced_token, 36 - place)
            await bench.pulse(ctx, "output_enable")
        assert await bench.read(ctx, "interrupt", "token") == 1
        for place in (8, 0, 3):
            await bench.write(ctx, "output_index", place)
            assert await bench.read(ctx, "output_token") == 36 - place

    bench.play(script)


def test_best_logits_of_the_latest_result() -> None:
    bench = Bench()
    host = bench.host

    async def script(ctx: Any) -> None:
        for base in (0, 7):
            for place in range(4):
                ctx.set(host.result_index, base + place)
                ctx.set(host.result_logit, (100 * base - place) & 0xFFFFFFFF)
                ctx.set(host.best_last, place == 3)
                await bench.pulse(ctx, "best_push")
                ctx.set(host.best_last, 1)
                await ctx.tick()
        for place in range(4):
            await bench.write(ctx, "best_index", place)
            assert await bench.read(ctx, "best_token") == 7 + place
            assert await bench.read(ctx, "best_logit") == 700 - place

    bench.play(script)


def test_the_program_is_written_by_words() -> None:
    bench = Bench()
    choose = random.Random(1)
    program = [choose.getrandbits(128) for _ in range(8)]

    async def script(ctx: Any) -> None:
        await bench.write(ctx, "program_index", 0)
        for word in program:
            for part in range(4):
                await bench.write(ctx, "program_word", word >> 32 * part & 0xFFFFFFFF)
        assert await bench.read(ctx, "error", "write_refused") == 0
        await bench.write(ctx, "program_word", 1)
        assert await bench.read(ctx, "error", "write_refused") == 1
        await bench.write(ctx, "program_index", 12)
        for part in range(4):
            await bench.write(ctx, "program_word", part + 1)

    bench.play(script)
    again = 1 | 2 << 32 | 3 << 64 | 4 << 96
    assert bench.loads == [*enumerate(program), (3, again)]


@pytest.mark.parametrize("name", [name for name, _ in DECODER_ERRORS])
def test_errors_are_remembered_once(name: str) -> None:
    bench = Bench()

    async def script(ctx: Any) -> None:
        await bench.write(ctx, "interrupt", 0b010 << 16)
        ctx.set(getattr(bench.host, f"error_{name}"), 1)
        await ctx.tick().repeat(5)
        assert await bench.errors(ctx) == {name}
        assert await bench.read(ctx, "status", "error") == 1
        assert ctx.get(bench.host.interrupt)
        # The cause still lasts, yet what is cleared stays clear.
        await bench.write(ctx, "error", 0xFFFFFFFF)
        await bench.write(ctx, "interrupt", 0b010 << 16 | 0b111)
        await ctx.tick().repeat(3)
        assert await bench.errors(ctx) == set()
        assert not ctx.get(bench.host.interrupt)
        ctx.set(getattr(bench.host, f"error_{name}"), 0)
        await ctx.tick()
        await bench.pulse(ctx, f"error_{name}")
        assert await bench.errors(ctx) == {name}

    bench.play(script)


@pytest.mark.parametrize("state", ["fit", "running", "failed", "recovering"])
def test_a_start_is_for_the_fit(state: str) -> None:
    bench = Bench()

    async def script(ctx: Any) -> None:
        if state == "running":
            ctx.set(bench.host.idle, 0)
        elif state != "fit":
            ctx.set(getattr(bench.host, state), 1)
        await bench.write(ctx, "control", 0b1)
        await ctx.tick().repeat(3)
        assert await bench.read(ctx, "status", "idle") == (state == "fit")
        assert await bench.read(ctx, "error", "write_refused") == (state != "fit")
        await bench.write(ctx, "control", 0b100)
        await ctx.tick().repeat(3)

    bench.play(script)
    assert bench.pulses == (["start"] if state == "fit" else []) + ["recover"]


def test_counters_count_and_clear() -> None:
    bench = Bench()

    async def script(ctx: Any) -> None:
        for number, (name, _) in enumerate(DECODER_COUNTERS):
            await bench.pulse(ctx, f"count_{name}", number + 1)
        await ctx.tick().repeat(2)
        for number, (name, _) in enumerate(DECODER_COUNTERS):
            assert await bench.read(ctx, name) == number + 1
        await bench.write(ctx, "control", 0b10)
        for name, _ in DECODER_COUNTERS:
            assert await bench.read(ctx, name) == 0
        await bench.write(ctx, "interrupt", 0b001 << 16)
        await bench.pulse(ctx, "done")
        await ctx.tick().repeat(2)
        assert ctx.get(bench.host.interrupt)

    bench.play(script)
