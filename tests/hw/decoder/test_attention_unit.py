"""Whole commands of the attention unit: exact results, exact cycles, stalls, junk, resets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sterna_hw.base import find_device
from sterna_hw.decoder.attention_unit import AttentionUnitConfig
from sterna_sim.part_run import PartRun
from sterna_sim.stalls import PROFILES

from .attention_bench import Command, run_unit
from .attention_telling import random_case

SMALL = AttentionUnitConfig(
    ports=2,
    lanes=2,
    heads=2,
    kv_heads=2,
    head_size=32,
    context=24,
    hidden=64,
    vocabulary=23,
    count=8,
)
SHAPES = {
    "one port": replace(SMALL, ports=1, count=4),
    "two ports": SMALL,
    "three ports, grouped": replace(SMALL, ports=3, heads=4, kv_heads=2, hidden=48, best_count=5),
    "four ports, one key head": replace(SMALL, ports=4, heads=3, kv_heads=1, count=16),
    "one head": replace(SMALL, ports=4, heads=1, kv_heads=1, lanes=1, hidden=16, best_count=9),
    "longer heads": replace(SMALL, ports=4, head_size=96, count=2, best_count=23),
    "long rows": replace(SMALL, ports=2, hidden=160, best_count=7, heads=4, kv_heads=1),
    "ultra": replace(SMALL, score_style="ultra", count=1),
}
NAMES = list(SHAPES)
PROFILE_NAMES = list(PROFILES)


def random_commands(config: AttentionUnitConfig, seed: int, count: int = 3) -> list[Command]:
    """Attention and head in turn, each on a lane of its own as far as there are lanes."""
    rng = np.random.default_rng(seed)
    commands: list[Command] = []
    for number in range(min(count, config.lanes)):
        if (number + seed) % 2 == 0:
            tokens = int(rng.integers(1, config.context + 1))
            sizes = (config.heads, config.kv_heads, config.head_size)
            case = random_case(seed * 10 + number, *sizes, tokens)
            commands.append(Command(number, case))
        else:
            rows = int(rng.integers(1, config.vocabulary + 1))
            top = int(rng.choice([1, 127]))
            head = rng.integers(-top - 1, top + 1, (rows, config.hidden))
            codes = rng.integers(-top, top + 1, config.hidden)
            commands.append(Command(number, head=head, codes=codes))
    return commands


def expected_best(config: AttentionUnitConfig, command: Command) -> list[tuple[int, int]]:
    assert command.head is not None and command.codes is not None
    logits = [sum(int(a) * int(b) for a, b in zip(row, command.codes)) for row in command.head]
    order = sorted(range(len(logits)), key=lambda row: (-logits[row], row))
    return [(row, logits[row]) for row in order[: config.best_count]]


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) & 1 else value


def results(config: AttentionUnitConfig, run: PartRun) -> list[int]:
    """Elements of all beats; the last beat of each frame, and no other, says so."""
    frame = config.heads * config.head_size // config.count
    elements = []
    for number, payload in enumerate(run.payloads("o")):
        assert payload >> 24 * config.count == (number % frame == frame - 1)
        for place in range(config.count):
            elements.append(signed(payload >> 24 * place & 0xFFFFFF, 24))
    return elements


def ranked(config: AttentionUnitConfig, run: PartRun, port: str) -> list[tuple[int, int]]:
    width = max(1, (config.vocabulary - 1).bit_length())
    return [
        (payload & ((1 << width) - 1), signed(payload >> width & 0xFFFFFFFF, 32))
        for payload in run.payloads(port)
    ]


def check(config: AttentionUnitConfig, commands: list[Command], run: PartRun) -> None:
    told = [value for command in commands if command.case for value in command.case.expected]
    assert results(config, run) == told
    best, logits, ends = [], [], []
    for command in commands:
        if command.head is not None and command.codes is not None:
            best += expected_best(config, command)
            ends += [0] * (min(config.best_count, command.rows) - 1) + [1]
            logits += list(enumerate((command.head @ command.codes).tolist()))
    assert ranked(config, run, "best") == best
    width = max(1, (config.vocabulary - 1).bit_length()) + 32
    assert [payload >> width for payload in run.payloads("best")] == ends
    assert ranked(config, run, "logits") == logits


def last_cycles(config: AttentionUnitConfig, commands: list[Command], run: PartRun) -> list[int]:
    """Cycles from each command to the last thing that it sent."""
    beats, best = list(run.cycles("o")), list(run.cycles("best"))
    cycles = []
    for taken, command in zip(run.cycles("command"), commands):
        if command.case is not None:
            sent = config.heads * config.head_size // config.count
            leaves, beats = beats[:sent], beats[sent:]
        else:
            sent = min(config.best_count, command.rows)
            leaves, best = best[:sent], best[sent:]
        cycles.append(leaves[-1] - taken)
    return cycles


@pytest.mark.parametrize("name", NAMES)
def test_random_commands_under_stalls(name: str) -> None:
    config, seed = SHAPES[name], 10 + NAMES.index(name)
    commands = random_commands(config, seed)
    run, _ = run_unit(config, commands, PROFILE_NAMES[seed % len(PROFILE_NAMES)], seed)
    check(config, commands, run)


@pytest.mark.parametrize("name", NAMES)
def test_cycles_are_exact(name: str) -> None:
    config, seed = SHAPES[name], 20 + NAMES.index(name)
    commands = random_commands(config, seed)
    run, _ = run_unit(config, commands, "none", seed)
    check(config, commands, run)
    told = [
        config.attention_cycles(command.rows - 1)
        if command.case is not None
        else config.head_cycles(command.rows)
        for command in commands
    ]
    assert last_cycles(config, commands, run) == told
    # The next command is taken in the cycle after the last beat has left.
    taken = run.cycles("command")
    assert [later - first for first, later in zip(taken, taken[1:])] == [c + 1 for c in told[:-1]]


@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
def test_a_reset_in_mid_work_is_forgotten(seed: int) -> None:
    config = SHAPES[NAMES[seed + 1]]
    commands = random_commands(config, seed)
    run, _ = run_unit(config, commands, PROFILE_NAMES[seed], seed, reset_at=60 + 67 * seed)
    check(config, commands, run)


def test_first_positions() -> None:
    """As many tokens as ports or one more, and a single one."""
    config = replace(SHAPES["four ports, one key head"], lanes=4)
    sizes = (config.heads, config.kv_heads, config.head_size)
    commands = [Command(lane, random_case(lane, *sizes, (1, 2, 4, 5)[lane])) for lane in range(4)]
    run, _ = run_unit(config, commands, "none", 1)
    check(config, commands, run)
    told = [config.attention_cycles(command.rows - 1) for command in commands]
    assert last_cycles(config, commands, run) == told


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed{seed}")
def test_compute_is_what_the_numerics_tell(seed: int) -> None:
    config = SHAPES[NAMES[seed % len(NAMES)]]
    tokens = 1 + seed * 7 % config.context
    case = random_case(seed, config.heads, config.kv_heads, config.head_size, tokens)
    found = config.compute(
        case.query,
        case.kappa_q,
        case.keys,
        np.array(case.kappa_k),
        case.values,
        np.array(case.kappa_v),
    )
    assert found.tolist() == case.expected


def test_cost_is_near_what_synthesis_found() -> None:
    """Yosys 0.70, `synth_xilinx -family xcup -flatten`: 7,012 look-up tables (248 of them as
    memory, 173 as shift registers), 15,679 flip-flops, 156 DSP48E2, 25 RAMB36 and 4 RAMB18."""
    shape = AttentionUnitConfig(4, 8, 16, 16, 96, 1024, 1536, 32002, 8)
    cost = shape.cost(find_device("xck26"))
    assert cost.dsp == 156 and cost.bram == 27
    assert abs(cost.lut - 7012) < 0.15 * 7012
    assert abs(cost.ff - 15679) < 0.15 * 15679


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("ports", 5, "Ports must be 1 to 4, not 5"),
        ("heads", 3, "Heads must be a multiple of the 2 key heads, not 3"),
        ("head_size", 40, "Head size must be a multiple of 16, 32 or more, not 40"),
        ("hidden", 8, "Hidden must be a positive multiple of 16, not 8"),
        ("context", 65537, "Context must be 65536 or less, not 65537"),
        ("count", 3, "Count must be 1, 2, 4, 8 or 16, not 3"),
        ("best_count", 24, "Best count must be from 1 to the 23 rows, not 24"),
        ("lanes", 0, "Lanes must be 1 or more, not 0"),
    ],
)
def test_errors(field: str, value: int, message: str) -> None:
    with pytest.raises(ValueError) as error:
        replace(SMALL, **{field: value})
    assert str(error.value) == message
