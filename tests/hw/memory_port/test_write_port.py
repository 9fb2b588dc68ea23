"""The writer: every word at its place in its port, idle only when all are acknowledged."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from amaranth.sim import Simulator

from sterna_hw.memory_port import WritePortConfig
from sterna_sim.stalls import PROFILES, find_profile

from .axi_memory import AxiMemory

BASES = [0x1000, 0x4000, 0, 0x3000]
SPACE = 0x8000
Command = tuple[int, int, int]  # port, address, words


@dataclass
class WriteRun:
    memories: list[AxiMemory] = field(default_factory=list)
    error: int = 0
    idle: list[int] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)


def run_writes(
    config: WritePortConfig,
    commands: list[Command],
    words: list[tuple[int, int]],
    *,
    latency: int = 3,
    seed: int | None = None,
    profile: str = "none",
    max_cycles: int = 20000,
) -> WriteRun:
    """Runs until everything is taken and the writer is idle again."""
    part, run = config.create(), WriteRun()
    for number in range(config.ports):
        memory_seed = None if seed is None else 100 * seed + number
        contents = bytearray(SPACE)
        run.memories.append(AxiMemory(part.memory[number], contents, latency, memory_seed))
    rows = find_profile(profile)
    sources = [rows.source(seed or 0, name) for name in ("command", "data")]

    async def bench(ctx: Any) -> None:
        for base, value in zip(part.base, BASES):
            ctx.set(base, value)
        queues: list[list] = [
            [dict(zip(("port", "address", "words"), command)) for command in commands],
            [{"data": value, "last": last} for value, last in words],
        ]
        ports = [part.command, part.data]
        offers = [False, False]
        signals = [signal for memory in run.memories for signal in memory.signals]
        for _ in range(max_cycles):
            for end in range(2):
                offers[end] = bool(queues[end]) and (offers[end] or next(sources[end]))
                if offers[end]:
                    ctx.set(ports[end].payload, queues[end][0])
                ctx.set(ports[end].valid, offers[end])
            for memory in run.memories:
                memory.drive(ctx)
            _, _, error, idle, *rest = await ctx.tick().sample(
                part.error, part.idle, part.command.ready, part.data.ready, *signals
            )
            each = len(run.memories[0].signals)
            for number, memory in enumerate(run.memories):
                memory.sample(rest[2 + number * each :][:each])
            run.unanswered.append(sum(memory.outstanding for memory in run.memories))
            for end in range(2):
                if offers[end] and rest[end]:
                    queues[end].pop(0)
                    offers[end] = False
            run.error = error
            run.idle.append(idle)
            if not any(queues) and idle and len(run.idle) > 8:
                return
        raise AssertionError(f"not done: {[len(queue) for queue in queues]}")

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return run


def random_words(commands: list[Command], seed: int) -> list[tuple[int, int]]:
    generator = random.Random(seed)
    return [
        (generator.getrandbits(128), int(number == words - 1))
        for _, _, words in commands
        for number in range(words)
    ]


def expected_contents(
    ports: int, commands: list[Command], words: list[tuple[int, int]]
) -> list[bytearray]:
    contents = [bytearray(SPACE) for _ in range(ports)]
    rest = iter(words)
    for port, address, count in commands:
        for number in range(count):
            place = BASES[port] + address + 16 * number
            contents[port][place : place + 16] = next(rest)[0].to_bytes(16, "little")
    return contents


@pytest.mark.parametrize("seed", range(12), ids=lambda seed: f"seed{seed}")
def test_words_reach_their_places(seed: int) -> None:
    generator = random.Random(seed)
    config = WritePortConfig(
        ports=generator.randint(1, 4),
        address_width=generator.choice([16, 32]),
        burst_beats=generator.choice([2, 4, 16, 64]),
        outstanding=generator.randint(1, 5),
        commands=generator.randint(1, 4),
    )
    commands = [
        (
            generator.randrange(config.ports),
            16 * generator.randrange(0x1000 // 16 * 3),
            generator.choice([1, 2, 5, generator.randint(1, 50)]),
        )
        for _ in range(8)
    ]
    words = random_words(commands, seed)
    profile = list(PROFILES)[seed % len(PROFILES)]
    latency = generator.randint(1, 20)
    run = run_writes(config, commands, words, latency=latency, seed=seed, profile=profile)
    assert [memory.contents for memory in run.memories] == expected_contents(
        config.ports, commands, words
    )
    assert not run.error
    assert max(run.unanswered) <= config.outstanding
    assert not any(idle and open_ for idle, open_ in zip(run.idle, run.unanswered))
    bursts = [burst for memory in run.memories for burst in memory.bursts]
    expected = [
        (BASES[port] + start, beats)
        for port, address, count in commands
        for start, beats in config.splitter.split(address, count)
    ]
    assert sorted(bursts) == sorted(expected)


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_cycles_are_the_model_s(seed: int) -> None:
    generator = random.Random(seed)
    config = WritePortConfig(2, 16, burst_beats=generator.choice([4, 16]), outstanding=64)
    commands = [
        (generator.randrange(2), 16 * generator.randrange(100), generator.randint(2, 40))
        for _ in range(generator.randint(1, 4))
    ]
    latency = generator.randint(1, 20)
    run = run_writes(config, commands, random_words(commands, seed), latency=latency)
    # The first command is taken in cycle 0; from the next one on the writer is not idle.
    assert run.idle[:2] == [1, 0]
    assert run.idle.index(1, 1) == config.cycles([command[1:] for command in commands], latency)


@pytest.mark.parametrize("command", [(0, 0, 0), (0, 8, 4)])
def test_commands_that_are_none_are_dropped(command: Command) -> None:
    config = WritePortConfig(1, 16)
    commands = [(0, 32, 3), (0, 160, 2)]
    words = random_words(commands, 1)
    run = run_writes(config, [commands[0], command, commands[1]], words)
    assert [memory.contents for memory in run.memories] == expected_contents(1, commands, words)
    assert run.error


@pytest.mark.parametrize(
    ("lasts", "error"), [([0, 0, 1], 0), ([0, 1, 1], 1), ([0, 0, 0], 1), ([1, 0, 1], 1)]
)
def test_a_misplaced_last_is_an_error(lasts: list[int], error: int) -> None:
    config = WritePortConfig(1, 16, burst_beats=2)
    run = run_writes(config, [(0, 0, 3)], [(1, last) for last in lasts])
    assert run.error == error


def test_a_failed_write_is_an_error() -> None:
    class Failing(AxiMemory):
        def drive(self, ctx: Any) -> None:
            super().drive(ctx)
            ctx.set(self.axi.bresp, 2)

    original = run_writes.__globals__["AxiMemory"]
    run_writes.__globals__["AxiMemory"] = Failing
    try:
        assert run_writes(WritePortConfig(1, 16), [(0, 0, 1)], [(1, 1)]).error
    finally:
        run_writes.__globals__["AxiMemory"] = original


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ports": 17}, "Ports must be within 1 to 16, not 17"),
        ({"burst_beats": 3}, "Burst beats must be a power of two from 2 to 256, not 3"),
        ({"outstanding": 0}, "Outstanding must be 1 or more, not 0"),
        ({"commands": -1}, "Commands must be 1 or more, not -1"),
    ],
)
def test_errors(fields: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError) as error:
        WritePortConfig(**{"ports": 4, **fields})
    assert str(error.value) == message
