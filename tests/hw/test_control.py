"""Control side: every register of the map, counters, errors, interrupt, the walk into loading."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from sterna_hw.control import ControlConfig
from sterna_hw.register_map import COUNTERS, ERRORS, Identity
from sterna_hw.registers import Access, driver_table
from sterna_hw.reload import ReloadMemory

from .axi_lite_manager import OKAY, SLVERR, AxiLiteManager

MEMORIES = (
    ReloadMemory("first", 3, 70),
    ReloadMemory("second", 5, 8),
    ReloadMemory("third", 1, 32),
)
IDENTITY = Identity(0x12345678, 8, 4, 784, 10, len(MEMORIES))


class Bench:
    """A control unit, a manager on its AXI4-Lite side, and a watch on what it loads."""

    def __init__(self, config: ControlConfig, seed: int | None = None) -> None:
        self.config, self.control = config, config.create()
        self.table = driver_table(config.registers)
        self.manager = AxiLiteManager(self.control, seed=seed)
        self.loaded: list[tuple[int, int, int]] = []
        self.domain = ClockDomain("sync")

    def play(self, script) -> None:
        module = Module()
        module.domains += self.domain
        module.submodules.control = self.control
        finished: list[bool] = []

        async def watch(ctx) -> None:
            while not finished:
                for number in range(len(self.config.memories)):
                    load = getattr(self.control, f"load{number}")
                    if ctx.get(load.enable):
                        self.loaded.append((number, ctx.get(load.address), ctx.get(load.data)))
                await ctx.tick()

        async def play(ctx) -> None:
            await script(ctx)
            finished.append(True)

        simulator = Simulator(module)
        simulator.add_clock(1e-6)
        simulator.add_testbench(watch)
        simulator.add_testbench(play)
        simulator.run()

    async def pulse(self, ctx, name: str, times: int = 1) -> None:
        for _ in range(times):
            ctx.set(getattr(self.control, name), 1)
            await ctx.tick()
            ctx.set(getattr(self.control, name), 0)

    async def read(self, ctx, register: str, field: str | None = None) -> int:
        value = await self.manager.read(ctx, self.table[register]["offset"])
        if field is None:
            return value
        facts = self.table[register]["fields"][field]
        return value >> facts["low"] & ((1 << facts["width"]) - 1)

    async def write(self, ctx, register: str, value: int) -> int:
        return await self.manager.write(ctx, self.table[register]["offset"], value)

    async def start_loading(self, ctx) -> None:
        await self.write(ctx, "control", 1)
        for _ in range(20):
            if await self.read(ctx, "status", "loading"):
                return
        raise AssertionError("loading did not begin")

    async def write_row(self, ctx, value: int, words: int) -> list[int]:
        base = self.table["reload_window"]["offset"]
        return [
            await self.manager.write(ctx, base + 4 * word, value >> 32 * word & 0xFFFFFFFF)
            for word in range(words)
        ]


def test_every_word_of_the_address_space_answers_as_the_map_says() -> None:
    bench = Bench(ControlConfig(IDENTITY, MEMORIES))
    registers = {register.offset: register for register in bench.config.registers.registers}

    async def script(ctx) -> None:
        for address in (*range(0, 0x140, 4), 0xFFC, 0x1000, 0x1FFC):
            response, value = await bench.manager.read_response(ctx, address)
            register = registers.get(address)
            assert response == (OKAY if register else SLVERR), hex(address)
            if register is None:
                assert value == 0
                continue
            for field in register.fields:
                if field.access in (Access.CONSTANT, Access.READ_WRITE):
                    found = value >> field.low & ((1 << field.width) - 1)
                    assert found == field.reset, (register.name, field.name)
        for address in (*range(0, 0x140, 4), 0xFFC):
            writable = address in registers and registers[address].writable
            response = await bench.manager.write(ctx, address, 0)
            assert response == (OKAY if writable else SLVERR), hex(address)

    bench.play(script)


def test_counters_count_and_clear() -> None:
    bench = Bench(ControlConfig(IDENTITY, MEMORIES))

    async def script(ctx) -> None:
        await bench.pulse(ctx, "frame_begun", 3)
        await bench.pulse(ctx, "frame_done", 2)
        await bench.pulse(ctx, "input_stall", 5)
        await bench.pulse(ctx, "input_wait", 7)
        await bench.pulse(ctx, "output_stall", 4)
        got = {name: await bench.read(ctx, name) for name, _ in COUNTERS}
        busy = got.pop("busy_cycles")
        assert busy > 20
        assert got == {
            "frames_in": 3,
            "frames_out": 2,
            "input_stall_cycles": 5,
            "input_wait_cycles": 7,
            "output_stall_cycles": 4,
        }
        assert await bench.read(ctx, "status", "idle") == 0
        await bench.pulse(ctx, "frame_done")
        assert await bench.read(ctx, "status", "idle") == 1
        assert await bench.write(ctx, "control", 2) == OKAY
        assert {name: await bench.read(ctx, name) for name, _ in COUNTERS} == dict.fromkeys(
            dict(COUNTERS), 0
        )
        assert await bench.read(ctx, "control") == 0

    bench.play(script)


@pytest.mark.parametrize("name", [name for name, _ in ERRORS[:3]])
def test_errors_stay_until_cleared_and_interrupt_when_enabled(name: str) -> None:
    bench = Bench(ControlConfig(IDENTITY, MEMORIES))
    bit = 1 << [error for error, _ in ERRORS].index(name)

    async def script(ctx) -> None:
        await bench.pulse(ctx, name)
        assert await bench.read(ctx, "error") == bit
        assert await bench.read(ctx, "status", "error") == 1
        assert await bench.read(ctx, "interrupt") == 0b100
        assert not ctx.get(bench.control.interrupt)
        await bench.write(ctx, "interrupt", 0b100 << 16)
        await ctx.tick()
        assert ctx.get(bench.control.interrupt)
        assert await bench.read(ctx, "interrupt") == 0b100 | 0b100 << 16
        await bench.write(ctx, "error", 15 & ~bit)
        assert await bench.read(ctx, "error") == bit
        await bench.write(ctx, "error", bit)
        await bench.write(ctx, "interrupt", 0b100 << 16 | 0b100)
        await ctx.tick()
        assert await bench.read(ctx, "error") == 0
        assert await bench.read(ctx, "status", "error") == 0
        assert not ctx.get(bench.control.interrupt)

    bench.play(script)


def test_a_frame_that_is_done_can_interrupt() -> None:
    bench = Bench(ControlConfig(IDENTITY, MEMORIES))

    async def script(ctx) -> None:
        await bench.write(ctx, "interrupt", 1 << 16)
        await bench.pulse(ctx, "frame_begun")
        await ctx.tick().repeat(3)
        assert not ctx.get(bench.control.interrupt)
        await bench.pulse(ctx, "frame_done")
        await ctx.tick().repeat(3)
        assert ctx.get(bench.control.interrupt)

    bench.play(script)


@pytest.mark.parametrize("begun_late", range(6))
def test_loading_waits_for_frames_that_slip_in(begun_late: int) -> None:
    """A frame enters as late as the gate allows: loading must not be seen before it has left."""
    bench = Bench(ControlConfig(IDENTITY, MEMORIES))
    control = bench.control

    async def script(ctx) -> None:
        # The gate is watched cycle by cycle: the event comes one cycle after the beat entered.
        for name, value in (("awvalid", 1), ("wvalid", 1), ("wstrb", 15), ("bready", 1)):
            ctx.set(getattr(control, name), value)
        ctx.set(control.awaddr, 0x10)
        ctx.set(control.wdata, 1)
        await ctx.tick()
        ctx.set(control.awvalid, 0)
        ctx.set(control.wvalid, 0)
        entered = False
        for cycle in range(40):
            was_open = ctx.get(control.open)
            enters = bool(was_open) and cycle >= begun_late and not entered
            await ctx.tick()
            ctx.set(control.frame_begun, enters)
            entered = entered or enters
            assert not (entered and ctx.get(control.restart))
        assert not ctx.get(control.open)
        assert bool(ctx.get(control.restart)) == (not entered)
        if entered:
            await bench.pulse(ctx, "frame_done")
            await ctx.tick().repeat(6)
        assert ctx.get(control.restart)
        assert await bench.read(ctx, "status") == 0b011
        await bench.write(ctx, "control", 0)
        await ctx.tick().repeat(2)
        assert ctx.get(control.open) and not ctx.get(control.restart)

    bench.play(script)


@pytest.mark.parametrize("seed", range(6), ids=lambda s: f"seed{s}")
def test_rows_reach_their_memory(seed: int) -> None:
    bench = Bench(ControlConfig(IDENTITY, MEMORIES), seed)
    generator = random.Random(seed)
    expected: list[tuple[int, int, int]] = []

    async def script(ctx) -> None:
        await bench.start_loading(ctx)
        for number, memory in generator.sample(list(enumerate(MEMORIES)), len(MEMORIES)):
            await bench.write(ctx, "reload_select", number)
            first = generator.randrange(memory.rows)
            await bench.write(ctx, "reload_row", first)
            assert await bench.read(ctx, "memory_rows") == memory.rows
            assert await bench.read(ctx, "memory_row_width") == memory.row_width
            for row in range(first, memory.rows):
                value = generator.getrandbits(memory.row_width)
                assert set(await bench.write_row(ctx, value, memory.words)) == {OKAY}
                expected.append((number, row, value))
            assert await bench.read(ctx, "reload_row") == memory.rows
            assert await bench.read(ctx, "reload_select") == number
        assert await bench.read(ctx, "error") == 0

    bench.play(script)
    assert bench.loaded == expected


@pytest.mark.parametrize(
    ("loading", "select", "row", "word"),
    [(False, 0, 0, 0), (True, 3, 0, 0), (True, 255, 0, 0), (True, 0, 3, 2), (True, 0, 0, 3),
     (True, 1, 5, 0), (True, 2, 0, 1), (True, 0, 0, 1023)],
    ids=["running", "memory", "last_memory", "row", "word", "second_row", "third_word",
"far"], )  # fmt: skip
def test_what_does_not_fit_is_refused_and_changes_nothing(
    loading: bool, select: int, row: int, word: int
) -> None:
    bench = Bench(ControlConfig(IDENTITY, MEMORIES))

    async def script(ctx) -> None:
        if loading:
            await bench.start_loading(ctx)
        await bench.write(ctx, "reload_select", select)
        await bench.write(ctx, "reload_row", row)
        offset = bench.table["reload_window"]["offset"] + 4 * word
        assert await bench.manager.write(ctx, offset, 0xFFFFFFFF) == SLVERR
        assert await bench.read(ctx, "error", "reload_refused") == 1
        assert await bench.read(ctx, "reload_row") == row
        assert await bench.read(ctx, "memory_rows") == (
            MEMORIES[select].rows if select < len(MEMORIES) else 0
        )

    bench.play(script)
    assert bench.loaded == []


@pytest.mark.parametrize("rows", [4095, 4096, 4097, 8192, 10000])
def test_rows_of_a_tall_memory_end_where_they_end(rows: int) -> None:
    bench = Bench(ControlConfig(Identity(memories=1), (ReloadMemory("tall", rows, 16),)))

    async def script(ctx) -> None:
        await bench.start_loading(ctx)
        for row in (0, 4094, rows - 1, rows, rows + 4096, (1 << 24) - 1):
            await bench.write(ctx, "reload_row", row)
            answers = await bench.write_row(ctx, row % 50000, 1)
            assert answers == [OKAY if row < rows else SLVERR], row

    bench.play(script)
    assert bench.loaded == [(0, row, row) for row in (0, 4094, rows - 1)]


def test_a_design_without_memories_refuses_the_window() -> None:
    bench = Bench(ControlConfig(Identity()))

    async def script(ctx) -> None:
        await bench.start_loading(ctx)
        assert await bench.manager.write(ctx, 0x1000, 1) == SLVERR
        assert await bench.read(ctx, "error", "reload_refused") == 1
        assert await bench.read(ctx, "capabilities", "reload") == 0

    bench.play(script)


def test_reset_ends_loading() -> None:
    bench = Bench(ControlConfig(IDENTITY, MEMORIES))

    async def script(ctx) -> None:
        await bench.start_loading(ctx)
        await bench.pulse(ctx, "frame_begun")
        ctx.set(bench.domain.rst, 1)
        await ctx.tick()
        ctx.set(bench.domain.rst, 0)
        await ctx.tick().repeat(2)
        assert ctx.get(bench.control.open) and not ctx.get(bench.control.restart)
        assert await bench.read(ctx, "status") == 0b001
        assert await bench.read(ctx, "frames_in") == 0

    bench.play(script)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: ControlConfig(Identity(memories=2), MEMORIES),
            "Memories of the identity must be 3, not 2",
        ),
        (
            lambda: ReloadMemory("wide", 1, 32769),
            "Row width of wide must be within 1 to 32768, not 32769",
        ),
        (lambda: ReloadMemory("empty", 0, 1), r"Rows of empty must be within 1 to 2\*\*24, not 0"),
    ],
    ids=["count", "width", "rows"],
)
def test_refusals(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
