"""Memories swept and published figures compared, on a tiny shape."""

from __future__ import annotations

from sterna.decoder.hardware import DecoderHardware
from sterna_flows.decoder_published import OTHERS, compare_with_published
from sterna_flows.decoder_sweep import as_markdown, sweep_memories
from tests.sw.decoder.random_decoder import TINY

HARDWARE = DecoderHardware(ports=1, lanes=2, tables=8, queries=4, prefetch_words=128)


def test_worse_memories_are_slower() -> None:
    memories = [(4.0, 40, 0), (2.0, 40, 0), (4.0, 300, 0), (4.0, 40, 30)]
    best, narrow, late, gaps = sweep_memories("tiny", TINY, HARDWARE, 4, memories=memories)
    for row in (narrow, late, gaps):
        assert row.decode_rate < best.decode_rate
        assert row.prompt_seconds >= best.prompt_seconds
    assert late.prompt_seconds > best.prompt_seconds
    assert 0 < best.decode_share <= 1
    table = as_markdown([best, late]).splitlines()
    assert len(table) == 4 and table[3].startswith("| 4 | 300 | 0 |")


def test_ours_stand_below_the_others_and_are_called_estimates() -> None:
    lines = compare_with_published(TINY, HARDWARE, prompt=6).splitlines()
    assert len(lines) == 2 + len(OTHERS) + 2
    assert all("measured" in line for line in lines[2:-2])
    assert all("estimated" in line and "Sterna" in line for line in lines[-2:])
