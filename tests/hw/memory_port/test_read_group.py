"""The read group: words in order from several ports, late and unsteady memories, exact cycles."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

from sterna.cycles import Network, simulate_network
from sterna_hw.base import find_device
from sterna_hw.memory_port import ReadGroupConfig
from sterna_sim.stalls import PROFILES, find_profile

from .axi_memory import AxiMemory

BASES = [0x1000, 0x4000, 0, 0x3000]
SPACE = 0x8000


@dataclass
class ReadRun:
    words: list[tuple[int, int, int]] = field(default_factory=list)  # cycle, data, last
    commands: list[int] = field(default_factory=list)
    memories: list[AxiMemory] = field(default_factory=list)
    error: int = 0
    was_idle: list[int] = field(default_factory=list)


def run_reads(
    config: ReadGroupConfig,
    commands: list[tuple[int, int]],
    *,
    latency: int = 4,
    seed: int | None = None,
    profile: str = "none",
    contents: list[bytearray] | None = None,
    fails_at: int | None = None,
    cycles: int | None = None,
    max_cycles: int = 20000,
) -> ReadRun:
    """Runs until all words came and the group is idle, or for so many cycles."""
    part = config.create()
    contents = contents or random_contents(config.ports)
    run = ReadRun()
    for number in range(config.ports):
        memory_seed = None if seed is None else 100 * seed + number
        run.memories.append(AxiMemory(part.memory[number], contents[number], latency, memory_seed))
    run.memories[0].fails_at = fails_at
    rows = find_profile(profile)
    source, sink = rows.source(seed or 0, "command"), rows.sink(seed or 0, "o")
    expected = sum(words for _, words in commands)

    async def bench(ctx: Any) -> None:
        for base, value in zip(part.base, BASES):
            ctx.set(base, value)
        position, offers, cycle = 0, False, 0
        signals = [signal for memory in run.memories for signal in memory.signals]
        payload = Value.cast(part.o.payload)
        while True:
            offers = offers or (position < len(commands) and next(source))
            if offers:
                address, words = commands[position]
                ctx.set(part.command.payload, {"address": address, "words": words})
            ctx.set(part.command.valid, offers)
            ready = next(sink)
            ctx.set(part.o.ready, ready)
            for memory in run.memories:
                memory.drive(ctx)
            _, _, taken, valid, word, error, idle, *axi = await ctx.tick().sample(
                part.command.ready, part.o.valid, payload, part.error, part.idle, *signals
            )
            each = len(run.memories[0].signals)
            for number, memory in enumerate(run.memories):
                memory.sample(axi[number * each :][:each])
            if offers and taken:
                run.commands.append(cycle)
                position, offers = position + 1, False
            if valid and ready:
                width = 128 * config.ports
                run.words.append((cycle, word & ((1 << width) - 1), word >> width))
            run.error, cycle = error, cycle + 1
            run.was_idle.append(idle)
            done = position == len(commands) and len(run.words) >= expected
            if cycle == cycles or (cycles is None and done and idle):
                return
            assert cycle < max_cycles, (position, len(run.words))

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return run


def random_contents(ports: int) -> list[bytearray]:
    return [bytearray(random.Random(port).randbytes(SPACE)) for port in range(ports)]


def expected_words(ports: int, commands: list[tuple[int, int]]) -> list[tuple[int, int]]:
    contents, found = random_contents(ports), []
    for address, words in commands:
        for number in range(words):
            row = b""
            for port in range(ports):
                place = BASES[port] + address + 16 * number
                row += contents[port][place : place + 16]
            found.append((int.from_bytes(row, "little"), int(number == words - 1)))
    return found


def random_commands(generator: random.Random, count: int, most: int) -> list[tuple[int, int]]:
    commands = []
    for _ in range(count):
        words = generator.choice([1, 2, generator.randint(1, most)])
        commands.append((16 * generator.randrange(0x1000 // 16 * 3), min(words, 256)))
    return commands


def random_config(generator: random.Random) -> ReadGroupConfig:
    beats = generator.choice([2, 4, 16, 64])
    return ReadGroupConfig(
        ports=generator.randint(1, 4),
        address_width=generator.choice([16, 32]),
        words_width=generator.choice([9, 16]),
        burst_beats=beats,
        fifo_words=generator.randint(beats, 3 * beats + 8),
        outstanding=generator.randint(1, 4),
        commands=generator.randint(1, 4),
        style=generator.choice(["block", "distributed", "ultra"]),
    )


@pytest.mark.parametrize("seed", range(12), ids=lambda seed: f"seed{seed}")
def test_words_in_order_from_a_late_memory(seed: int) -> None:
    generator = random.Random(seed)
    config = random_config(generator)
    commands = random_commands(generator, 4, 40)
    profile = list(PROFILES)[seed % len(PROFILES)]
    latency = generator.randint(1, 20)
    run = run_reads(config, commands, latency=latency, seed=seed, profile=profile)
    assert [word[1:] for word in run.words] == expected_words(config.ports, commands)
    assert not run.error
    for memory, base in zip(run.memories, BASES):
        expected = [
            (base + address, beats)
            for command in commands
            for address, beats in config.splitter.split(*command)
        ]
        assert memory.bursts == expected
        assert memory.most_outstanding <= config.outstanding


@pytest.mark.parametrize("seed", range(12), ids=lambda seed: f"seed{seed}")
def test_cycles_are_the_model_s(seed: int) -> None:
    generator = random.Random(1000 + seed)
    config = random_config(generator)
    commands = random_commands(generator, 4, 30)
    latency = generator.randint(1, 30)
    run = run_reads(config, commands * 2, latency=latency)
    timing = config.timing(commands, latency)
    times = simulate_network(Network({"part": timing}, []), 2 * len(commands)).transfers
    assert run.commands == times["part", "command"].tolist()
    assert [cycle for cycle, _, _ in run.words] == times["part", "o"].tolist()


def test_latency_and_rate() -> None:
    config = ReadGroupConfig(2, 16, 9, burst_beats=16, fifo_words=64)
    run = run_reads(config, [(0, 200), (0x800, 100)], latency=10)
    cycles = [cycle for cycle, _, _ in run.words]
    # Six cycles to ARVALID, which is taken at once, and six behind the data; then no gap.
    assert cycles == [6 + 10 + 6 + number for number in range(300)]


def test_reads_ahead_while_nobody_takes_words() -> None:
    config = ReadGroupConfig(1, 16, 9, burst_beats=16, fifo_words=80)
    run = run_reads(config, [(0, 200)], profile="long_freeze", seed=3)
    assert max(memory.most_outstanding for memory in run.memories) > 1
    assert [word[1:] for word in run.words] == expected_words(1, [(0, 200)])


def test_idle_only_between_transfers() -> None:
    config = ReadGroupConfig(1, 16, 9, burst_beats=16, fifo_words=32)
    run = run_reads(config, [(0, 20)], latency=10)
    assert run.was_idle[0] and run.was_idle[-1]
    first = run.commands[0]
    busy = [not idle for idle in run.was_idle]
    assert all(busy[first + 1 : run.words[-1][0] - 6])


@pytest.mark.parametrize("command", [(0, 0), (8, 4), (1, 1)])
def test_commands_that_are_none_are_dropped(command: tuple[int, int]) -> None:
    config = ReadGroupConfig(1, 16, 9, burst_beats=4, fifo_words=8)
    run = run_reads(config, [(16, 3), command, (32, 5)], cycles=80)
    assert [word[1:] for word in run.words] == expected_words(1, [(16, 3), (32, 5)])
    assert run.error


@pytest.mark.parametrize(("fails_at", "error"), [(BASES[0] + 32, 1), (BASES[0] + 64, 0)])
def test_an_error_answer_is_remembered(fails_at: int, error: int) -> None:
    config = ReadGroupConfig(2, 16, 9, burst_beats=4, fifo_words=8)
    run = run_reads(config, [(0, 4), (0, 2)], fails_at=fails_at)
    assert run.error == error


def test_a_wrong_last_is_an_error() -> None:
    config = ReadGroupConfig(1, 16, 9, burst_beats=4, fifo_words=8)

    class Early(AxiMemory):
        def _accept_read(self, seen: dict[str, int]) -> None:
            super()._accept_read(seen)
            self.reads[-2] = (*self.reads[-2][:2], 1)

    original = run_reads.__globals__["AxiMemory"]
    run_reads.__globals__["AxiMemory"] = Early
    try:
        assert run_reads(config, [(0, 4)], cycles=40).error
    finally:
        run_reads.__globals__["AxiMemory"] = original


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ports": 0}, "Ports must be within 1 to 16, not 0"),
        ({"burst_beats": 24}, "Burst beats must be a power of two from 2 to 256, not 24"),
        ({"burst_beats": 512}, "Burst beats must be a power of two from 2 to 256, not 512"),
        ({"fifo_words": 60}, "Fifo words must be at least the 64 of a burst, not 60"),
        ({"outstanding": 0}, "Outstanding must be 1 or more, not 0"),
        ({"commands": 0}, "Commands must be 1 or more, not 0"),
        ({"address_width": 12}, "Address width must be within 13 to 64, not 12"),
        ({"words_width": 40}, "Words width must be within 1 to 32, not 40"),
    ],
)
def test_errors(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        ReadGroupConfig(**{"ports": 4, **fields})
    assert str(error.value) == message


def test_prefetch_takes_the_memory_of_its_style() -> None:
    device = find_device("xck26")
    config = ReadGroupConfig(4, fifo_words=4096, style="ultra")
    assert config.cost(device).uram == 8
    assert ReadGroupConfig(4).cost(device).bram == 8
