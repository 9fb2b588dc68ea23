"""Scores: every shift, ties, clips, zero scales, and sums that meet their own record's scale."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.decoder.dot_lanes import DotLanesConfig
from sterna_hw.decoder.score_scale import HEADER_LATENCY, LATENCY, ScoreScaleConfig

from .attention_telling import apply, clip24, product
from .cycle_bench import fields, play, split

SUMS = DotLanesConfig(1, 1, 128).sum_range


def random_scale(rng: random.Random, middle: int) -> tuple[int, int]:
    if rng.random() < 0.1:
        return 0, 0
    mantissa = rng.choice([1 << 15, (1 << 16) - 1, rng.randrange(1 << 15, 1 << 16)])
    return mantissa, max(-2048, min(2047, middle + rng.randint(-36, 36)))


def told(total: int, query: tuple[int, int], key: tuple[int, int]) -> int:
    return clip24(apply(total, product(query, key), 10))


def random_sum(rng: random.Random) -> int:
    size = rng.choice([1, 40, 5000, SUMS.high])
    return rng.choice([SUMS.low, SUMS.high, 0, rng.randint(-size, size), rng.randint(-size, size)])


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_meaning(seed: int) -> None:
    rng = random.Random(seed)
    config = ScoreScaleConfig(1, SUMS)
    query = random_scale(rng, -22)
    keys = [random_scale(rng, -18 - seed) for _ in range(200)]
    sums = [random_sum(rng) for _ in keys]
    expected = [told(total, query, key) for total, key in zip(sums, keys)]
    assert config.compute(np.array(sums), query, np.array(keys)).tolist() == expected


@pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")
@pytest.mark.parametrize("ports", [1, 3])
def test_records_in_close_succession(ports: int, seed: int) -> None:
    """A new record's scales are at ``key`` before the last sums of the one before have come."""
    rng = random.Random(seed)
    config = ScoreScaleConfig(ports, SUMS)
    query = random_scale(rng, -22)
    rows: list[dict[str, int]] = []
    expected: list[list[int]] = []
    scale_bits = query[0] | (query[1] & 0xFFF) << 16
    current: list[tuple[int, int]] | None = None
    for _ in range(40):
        keys = [random_scale(rng, -20) for _ in range(ports)]
        bits = fields([mantissa | (e & 0xFFF) << 16 for mantissa, e in keys], 28)
        for step in range(HEADER_LATENCY + 1):
            row = {"query": scale_bits, "load": int(step == HEADER_LATENCY)}
            if step == 0:
                row["key"] = bits
            sums = [random_sum(rng) for _ in range(ports)]
            row["sums"] = fields(sums, SUMS.width)
            rows.append(row)
            scores = [0] * ports
            if current is not None:
                scores = [told(total, query, key) for total, key in zip(sums, current)]
            expected.append(scores)
        current = keys
    rows += [{"query": scale_bits}] * LATENCY
    seen = play(config.create(), rows, ["scores"], seed)
    found = [split(now["scores"], 24, ports, True) for now in seen[LATENCY:]]
    first = HEADER_LATENCY + 1
    assert found[first:] == expected[first:]
