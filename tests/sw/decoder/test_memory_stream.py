"""The word stream of estimates: the read ports' own timing, the cap, gaps, writes in between."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna.decoder.memory_stream import TimeLines, Transfer, WordStream
from sterna.decoder.memory_timing import MemoryBus, MemoryTiming
from sterna_hw.memory_port import ReadGroupConfig


def offered_at_once(commands: list[tuple[int, int]]) -> Generator[Transfer, float, None]:
    """Transfers of (word address, words), each offered in the cycle after the one before."""
    time = 0.0
    for address, words in commands:
        time = (yield Transfer(address, words, time)) + 1


def word_times(
    reads: ReadGroupConfig, commands: list[tuple[int, int]], **memory: Any
) -> list[float]:
    """When each word is taken by somebody who takes them as they come."""
    stream = WordStream(
        reads, MemoryBus(MemoryTiming(**memory), reads.ports), offered_at_once(commands)
    )
    total = sum(words for _, words in commands)
    return [stream.take(1, 0) for _ in range(total)]


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_words_come_as_the_read_group_says(seed: int) -> None:
    """Bursts of all lengths, few and many under way, near and far memories: difference 0."""
    rng = np.random.default_rng(seed)
    reads = ReadGroupConfig(
        ports=1 + seed % 4,
        burst_beats=int(rng.choice([2, 8, 64])),
        fifo_words=int(rng.choice([64, 100, 512])),
        outstanding=int(rng.choice([1, 2, 8])),
        commands=int(rng.choice([2, 16])),
    )
    latency = int(rng.choice([1, 7, 40, 150]))
    commands = [(int(rng.integers(500)), int(rng.integers(1, 90))) for _ in range(60)]
    timing = reads.timing([(16 * address, words) for address, words in commands], latency)
    network = Network({"reads": timing}, [])
    exact = simulate_network(network, len(commands)).transfers["reads", "o"]
    total = sum(words for _, words in commands)
    assert word_times(reads, commands, read_latency=latency) == list(exact[:total])


def test_the_cap_spreads_words() -> None:
    """Bytes a cycle below those of a word: so many more cycles for a long transfer."""
    reads = ReadGroupConfig(ports=2)
    times = word_times(reads, [(0, 200)], bytes_per_cycle=Fraction(20))
    assert times[-1] - times[50] == pytest.approx(149 * 32 / 20, abs=2)


def test_ports_rest_between_bursts() -> None:
    reads = ReadGroupConfig(ports=1, burst_beats=8)
    times = word_times(reads, [(0, 64)], burst_gap=5)
    plain = word_times(reads, [(0, 64)])
    assert times[-1] - plain[-1] == 7 * 5


def test_a_slow_taker_holds_memory_up() -> None:
    """A word that is taken late makes room late: no more than the queue are ahead."""
    reads = ReadGroupConfig(ports=1, burst_beats=8, fifo_words=16)
    bus = MemoryBus(MemoryTiming(read_latency=10), 1)
    stream = WordStream(reads, bus, offered_at_once([(0, 400)]))
    for word in range(400):
        stream.take(1, 20 * word)
    # The last burst was asked for when its places were free: 16 words and the short queue before.
    assert 20 * (400 - 16 - 8 - 8) < bus.last_beat < 20 * (400 - 16)


def test_writing_stops_reading() -> None:
    """The bus turns round, moves the burst, and turns back; words in between come behind."""
    timing = MemoryTiming(read_latency=10, write_turnaround=16, write_latency=3)
    bus = MemoryBus(timing, 2)
    (before,) = bus.read(0, 4)
    assert before == (4, 10, 13)
    # Seen in cycle 20, turned round by 36, three cycles of two beats, then the response.
    assert bus.write(20, 6) == 36 + 3 + 3
    pieces = bus.read(8, 8)
    assert pieces == [(3, 18, 20), (5, 56, 60)]


def test_writes_that_come_while_writing_share_the_turn() -> None:
    alone, together = MemoryBus(MemoryTiming(), 4), MemoryBus(MemoryTiming(), 4)
    first = alone.write(0, 16)
    together.write(0, 16)
    assert together.write(10, 16) == first + 4
    assert alone.write(200, 16) == first + 200


def test_a_memory_on_the_chip_reads_while_it_writes() -> None:
    bus = MemoryBus(MemoryTiming(read_latency=7, write_latency=1, side_by_side=True), 2)
    assert bus.write(20, 6) == 21
    assert bus.read(8, 8) == [(8, 15, 22)]


def test_lines_are_straight_between_points() -> None:
    lines = TimeLines()
    lines.note(0, 10)
    lines.note(4, 30)
    assert [lines.time(number) for number in range(5)] == [10, 15, 20, 25, 30]
    assert lines.time(-1) < 0


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("bytes_per_cycle", 0, "positive, not 0"),
        ("read_latency", 0, "Read latency must be 1 or more, not 0"),
        ("burst_gap", -1, "Burst gap must be 0 or more, not -1"),
        ("write_latency", -1, "Write latency must be 0 or more"),
        ("write_turnaround", -2, "Write turnaround must be 0 or more"),
    ],
)
def test_refuses(field: str, value: int, rule: str) -> None:
    fields: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=rule):
        MemoryTiming(**fields)
