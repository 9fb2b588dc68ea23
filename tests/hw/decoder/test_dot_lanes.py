"""Dot products: extremes, gaps between words, groups that take turns, rows beside records."""

from __future__ import annotations

import random

import pytest

from sterna_hw.decoder.dot_lanes import LATENCY, QUERY_DELAY, DotLanesConfig

from .cycle_bench import fields, play, split


@pytest.mark.parametrize("is_row", [0, 1])
@pytest.mark.parametrize(("ports", "group"), [(1, 1), (2, 3), (1, 2)])
def test_sums(ports: int, group: int, is_row: int) -> None:
    rng = random.Random(ports * 10 + group)
    words = 3
    config = DotLanesConfig(ports, group, 16 * words)
    rows: list[dict[str, int]] = []
    expected: dict[int, list[int]] = {}

    def code() -> int:
        return rng.choice([127, -127, -128, rng.randint(-128, 127)])

    def at(cycle: int) -> dict[str, int]:
        while len(rows) <= cycle:
            rows.append({"is_row": is_row})
        return rows[cycle]

    cycle = 0
    turns = 1 if is_row else group
    for _ in range(6):
        keys = [[[code() for _ in range(16)] for _ in range(words)] for _ in range(ports)]
        queries = [[max(code(), -127) for _ in range(16 * words)] for _ in range(turns)]
        for word in range(words):
            for turn in range(turns):
                cycle += rng.choice([0, 0, 0, 1, 4])
                part = queries[turn][16 * word : 16 * word + 16]
                lanes = [fields(keys[port][word], 8) for port in range(ports)]
                at(cycle).update(
                    step=1,
                    is_first=int(word == 0),
                    is_last=int(word == words - 1),
                    word=fields(lanes, 128),
                )
                at(cycle + QUERY_DELAY)["query"] = fields(part, 8)
                if word == words - 1:
                    expected[cycle + LATENCY] = [
                        sum(a * b for a, b in zip(sum(keys[port], []), queries[turn]))
                        for port in range(ports)
                    ]
                cycle += 1
    at(cycle + LATENCY)
    seen = play(config.create(), rows, ["valid", "sums"], 1)
    width = config.sum_range.width
    found = {
        number: split(now["sums"], width, ports, True)
        for number, now in enumerate(seen)
        if now["valid"]
    }
    assert found == expected
