"""The run control: passes and tokens of prompts of all lengths, drawing, stopping, refusals."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from sterna_hw.decoder.run_control import RunControlConfig


@dataclass
class Seen:
    """What a run did: (position, slot, port, active, first, result) of each pass, tokens given,
    the output, and pulses by name."""

    passes: list[tuple[int, ...]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    output: dict[int, int] = field(default_factory=dict)
    pulses: list[str] = field(default_factory=list)
    position: int = 0
    produced: int = 0
    is_idle: bool = True


def run(
    config: RunControlConfig,
    prompt: Sequence[int],
    start: int,
    generate: int,
    seed: int,
    *,
    stop: int | None = None,
    draws: Sequence[int] = (),
    best_count: int = 2,
    count: int | None = None,
    halt_after: int | None = None,
    cycles: int = 3000,
) -> Seen:
    """Plays a run; passes take a random while, results have ``best_count`` entries."""
    choose, part, seen = random.Random(seed), config.create(), Seen()
    module = Module()
    module.domains += ClockDomain("sync")
    module.submodules.part = part
    width = len(part.prompt_token) - 1
    queue: list[int] = []  # cycles until the pass at the front is done; negative: with result
    results: list[tuple[int, bool]] = []
    drawn = list(draws)

    async def play(ctx) -> None:
        addresses = [0, 0]
        for name, value in (
            ("start_position", start), ("prompt_count", len(prompt) if count is None else count),
            ("generate_count", generate), ("stop_token", stop or 0),
            ("has_stop", stop is not None),
        ):  # fmt: skip
            ctx.set(getattr(part, name), value)
        await ctx.tick().repeat(3)
        for cycle in range(cycles):
            ctx.set(part.start, cycle == 0)
            if halt_after is not None:
                ctx.set(part.halt, cycle >= halt_after)
            address = addresses.pop(0)
            token = prompt[address] if address < len(prompt) else choose.getrandbits(width)
            too_large = token >> width != 0
            ctx.set(part.prompt_token, token & ((1 << width) - 1) | too_large << width)
            ctx.set(part.passes.ready, choose.random() < 0.4)
            ctx.set(part.tokens.ready, choose.random() < 0.6)
            ctx.set(part.finished, 0)
            if queue:
                queue[0] -= 1
                if queue[0] == 0:
                    queue.pop(0)
                    ctx.set(part.finished, 1)
            if results:
                ctx.set(part.best.valid, 1)
                index, last = results[0]
                ctx.set(part.best.payload, {"index": index, "logit": -5, "last": last})
            else:
                ctx.set(part.best.valid, 0)
                ctx.set(part.best.payload, {"index": 1, "logit": 2, "last": 1})
            addresses.append(ctx.get(part.prompt_address))
            if ctx.get(part.passes.valid) and ctx.get(part.passes.ready):
                names = ("position", "slot", "port", "active", "first", "result")
                one = tuple(ctx.get(getattr(part.passes.payload, name)) for name in names)
                seen.passes.append(one)
                queue.append(choose.randint(1, 30))
                if one[-1]:
                    best = [drawn.pop(0), *range(best_count - 1)]
                    results.extend((index, place == best_count - 1) for place, index in
                                   enumerate(best))  # fmt: skip
            if ctx.get(part.tokens.valid) and ctx.get(part.tokens.ready):
                seen.tokens.append(ctx.get(part.tokens.payload))
            if ctx.get(part.best.valid) and ctx.get(part.best.ready):
                results.pop(0)
            if ctx.get(part.output_enable):
                seen.output[ctx.get(part.output_address)] = ctx.get(part.output_token)
            seen.pulses += [
                name
                for name in ("done", "empty_prompt", "position_range", "token_range")
                if ctx.get(getattr(part, name))
            ]
            await ctx.tick()
            if seen.pulses and ctx.get(part.idle):
                break
        for _ in range(5):
            seen.is_idle = bool(ctx.get(part.idle))
            await ctx.tick()
        seen.position, seen.produced = ctx.get(part.position), ctx.get(part.produced)

    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play)
    simulator.run()
    return seen


@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_random_runs(seed: int) -> None:
    choose = random.Random(seed)
    config = RunControlConfig(
        lanes=choose.choice((1, 2, 3, 8)),
        ports=1 + seed % 4,
        context=choose.choice((16, 40, 300)),
        vocabulary=choose.choice((2, 37, 1000)),
    )
    generate = choose.choice((0, 1, 2, 5))
    length = choose.randint(1, min(20, config.context - 6))
    start = choose.randint(0, config.context - length - max(generate, 1) + 1)
    if start + length + max(generate, 1) - 1 > config.context:
        start -= 1
    prompt = [choose.randrange(config.vocabulary) for _ in range(length)]
    draws = [choose.randrange(config.vocabulary) for _ in range(generate)]
    stop = choose.choice((None, draws[len(draws) // 2] if draws else 0))
    seen = run(config, prompt, start, generate, seed, stop=stop, draws=draws,
               best_count=choose.randint(1, 4))  # fmt: skip
    produced = draws
    if stop is not None and stop in draws:
        produced = draws[: draws.index(stop) + 1]

    expected, position = [], start
    while position < start + length:
        active = min(config.lanes, start + length - position)
        is_final = position + active == start + length
        slot, port = divmod(position, config.ports)
        result = int(is_final and generate > 0)
        expected.append((position, slot, port, active, int(position == start), result))
        position += active
    for _ in produced[:-1]:
        expected.append((position, *divmod(position, config.ports), 1, 0, 1))
        position += 1
    assert seen.passes == expected
    assert seen.tokens == prompt + produced[:-1]
    assert seen.output == dict(enumerate(produced))
    assert seen.pulses == ["done"]
    assert (seen.position, seen.produced) == (position, len(produced))
    assert seen.is_idle


CONFIG = RunControlConfig(lanes=2, ports=2, context=16, vocabulary=11)


@pytest.mark.parametrize(
    ("prompt", "start", "generate", "count", "refusal"),
    [
        ([], 0, 1, 0, "empty_prompt"),
        ([1] * 17, 0, 0, None, "position_range"),
        ([1] * 16, 1, 0, None, "position_range"),
        ([1] * 16, 0, 2, None, "position_range"),
        ([1], 16, 1, None, "position_range"),
        ([1], 0, 1 << 31, None, "position_range"),
        ([1], 0xFFFFFFFF, 2, None, "position_range"),
        ([1], 1 << 18, 0, None, "position_range"),
        ([1], 0, 0, 1 << 18, "position_range"),
        ([10, 11], 0, 1, None, "token_range"),
        ([16], 0, 1, None, "token_range"),
        ([1, 2, 3, 4, 1 << 31], 0, 1, None, "token_range"),
    ],
)
def test_refusals_begin_nothing(prompt, start, generate, count, refusal) -> None:
    seen = run(CONFIG, prompt, start, generate, 1, count=count)
    assert seen.pulses == [refusal]
    assert not seen.passes and not seen.tokens and not seen.output
    assert seen.is_idle


@pytest.mark.parametrize(("start", "length", "generate"), [(0, 16, 1), (15, 1, 1), (3, 13, 0)])
def test_the_whole_context_can_be_used(start: int, length: int, generate: int) -> None:
    seen = run(CONFIG, [10] * length, start, generate, 2, draws=[4])
    assert seen.pulses == ["done"]
    assert seen.position == 16


def test_a_halt_ends_in_nothing_more() -> None:
    seen = run(CONFIG, [1] * 12, 0, 3, 5, draws=[1, 2, 3], halt_after=25, cycles=600)
    assert not seen.pulses and not seen.is_idle
    assert len(seen.passes) < 6
