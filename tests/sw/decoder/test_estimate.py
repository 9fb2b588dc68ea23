"""The estimate of cycles without a simulation: words, order, what can only grow, refusals.

That it is right is tested against Verilator in `tests/sim/test_decoder_cycles.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sterna.decoder import executor_walk
from sterna.decoder.estimate import DecoderEstimate, MemoryTiming
from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.shape import DecoderShape
from sterna_hw.decoder.instruction import Opcode

from .random_decoder import TINY

HARDWARE = DecoderHardware(
    ports=2, lanes=3, tables=8, queries=8, prefetch_words=128, burst_beats=16, large_style="block"
)
SHAPES = {
    "tiny": TINY,
    "wide": replace(TINY, layers=3, hidden=112, feed_forward=336, vocabulary=101, context=60),
    "grouped": replace(TINY, heads=6, kv_heads=2, head_size=64, activation="squared_relu"),
}


def estimate(
    shape: DecoderShape = TINY, hardware: DecoderHardware = HARDWARE, **memory: Any
) -> DecoderEstimate:
    return DecoderEstimate(hardware.core(shape), MemoryTiming(**memory))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("ports", [1, 4])
def test_a_token_moves_the_bytes_of_the_layout(shape: DecoderShape, ports: int) -> None:
    """Words of the instructions are those that the memory map says a token must read."""
    hardware = replace(HARDWARE, ports=ports, tables=16)
    layout = hardware.layout(shape)
    for position in (0, 1, 7, shape.context - 1):
        run = estimate(shape, hardware).run(1, 1, position)
        written = 2 * shape.layers * layout.record_bytes
        read = run.passes[0].words * layout.word_bytes
        assert read == layout.token_bytes(position) - written
        assert run.words == run.passes[0].words + 1, "the image's header"


def test_passes_of_a_run() -> None:
    """Eight tokens by three lanes, then two more tokens; each instruction begins no earlier than
    the one before ended."""
    run = estimate().run(8, 3, position=2)
    assert [(done.position, done.lanes) for done in run.passes] == [
        (2, 3), (5, 3), (8, 2), (10, 1), (11, 1)
    ]  # fmt: skip
    end = 0.0
    for done in run.passes:
        assert done.begin == end
        for instruction in done.instructions:
            assert end <= instruction.begin < instruction.end
            end = instruction.end
        assert done.end == end
        assert 0 <= done.cycles - sum(done.by_opcode.values()) < 40
        names = [instruction.opcode for instruction in done.instructions]
        assert names.count(Opcode.MATMUL) == 4 * TINY.layers
        assert (Opcode.HEAD in names) == (done is not run.passes[0] and done is not run.passes[1])
    assert run.cycles > end


def test_nothing_is_drawn_where_nothing_is_asked_for() -> None:
    run = estimate().run(3, 0)
    assert len(run.passes) == 1
    assert "HEAD" not in run.passes[0].by_opcode


def test_a_run_is_the_same_again() -> None:
    assert estimate().run(5, 3) == estimate().run(5, 3)


@pytest.mark.parametrize(
    "memories",
    [
        [{"read_latency": latency} for latency in (1, 20, 80, 300)],
        [{"burst_gap": gap} for gap in (0, 3, 30)],
        [{"write_latency": latency} for latency in (0, 50, 500)],
        [{"write_turnaround": turnaround} for turnaround in (0, 16, 200)],
        [{"bytes_per_cycle": cap} for cap in (64, 32, 20, 9, 3)],
    ],
    ids=lambda memories: next(iter(memories[0])),
)
def test_a_slower_memory_takes_no_less(memories: list[dict[str, Any]]) -> None:
    cycles = [estimate(TINY, HARDWARE, **memory).run(7, 3).cycles for memory in memories]
    assert cycles == sorted(cycles)
    assert cycles[-1] > cycles[0]


def test_later_positions_take_longer() -> None:
    asked = estimate(SHAPES["wide"])
    cycles = [asked.decode(position).cycles for position in range(0, 60, 7)]
    assert cycles == sorted(cycles)
    assert cycles[-1] > cycles[0]


def test_longer_prompts_take_longer() -> None:
    cycles = [estimate().run(prompt).cycles for prompt in range(1, 12)]
    assert all(less < more for less, more in zip(cycles, cycles[1:]))


def test_lanes_share_the_weights() -> None:
    """Twelve tokens in two passes move fewer words than in twelve."""
    few = estimate(hardware=replace(HARDWARE, lanes=6)).run(12)
    many = estimate(hardware=replace(HARDWARE, lanes=1)).run(12)
    assert len(few.passes) == 2 and len(many.passes) == 12
    assert few.words < many.words and few.cycles < many.cycles


def test_a_narrow_memory_is_the_bound() -> None:
    """Where memory is far slower than everything else, cycles are bytes by bandwidth."""
    shape = SHAPES["wide"]
    run = estimate(shape, bytes_per_cycle=0.5).run(1, 1)
    assert run.cycles == pytest.approx(run.words * 32 / 0.5, rel=0.02)


@pytest.mark.parametrize("cap", [64, 12, 4])
def test_groups_of_look_ups_change_little(monkeypatch: pytest.MonkeyPatch, cap: int) -> None:
    """Matrices of many blocks are followed in groups, which gives what single look-ups give."""
    shape = replace(SHAPES["wide"], feed_forward=1600, layers=1)
    assert 2 * shape.feed_forward // HARDWARE.queries > executor_walk._FEW
    grouped = estimate(shape, bytes_per_cycle=cap).run(4, 2)
    monkeypatch.setattr(executor_walk, "_FEW", 1 << 20)
    single = estimate(shape, bytes_per_cycle=cap).run(4, 2)
    assert grouped.words == single.words
    assert grouped.cycles == pytest.approx(single.cycles, rel=1e-3)


def test_known_tokens_move_no_words() -> None:
    """Which tokens they are changes where rows begin, not how many words there are."""
    unknown, known = estimate().run(6, 2), estimate().run(6, 2, tokens=[36, 0, 7, 7, 30, 1])
    assert unknown.words == known.words
    assert unknown.cycles == pytest.approx(known.cycles, rel=0.01)


@pytest.mark.parametrize(
    ("prompt", "generate", "position", "message"),
    [
        (0, 1, 0, "Tokens of a prompt must be 1 or more, not 0"),
        (1, -1, 0, "Tokens to generate must be 0 or more, not -1"),
        (1, 1, -3, "Position must be 0 or more, not -3"),
        (20, 6, 0, "Positions must end within the context of 24, not at 25"),
        (1, 1, 24, "Positions must end within the context of 24, not at 25"),
    ],
)
def test_refuses(prompt: int, generate: int, position: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate().run(prompt, generate, position)


def test_the_whole_context_may_be_used() -> None:
    assert estimate().run(20, 5).passes[-1].position == 23
