"""Exponentials and weights: the table, far tokens, absent tokens, zero scales."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from sterna_hw.decoder.token_weights import (
    LATENCY,
    P_LATENCY,
    SCALE_DELAY,
    TokenWeightsConfig,
    exponential_table,
)

from .cycle_bench import fields, play, split


def test_table() -> None:
    table = exponential_table()
    assert (len(table), table[0], table[512], table[1023]) == (1024, 65535, 46340, 32790)
    assert table == [math.floor(65535 * 2 ** (-i / 1024) + 0.5) for i in range(1024)]


def told(d: int, mantissa: int, behind: int) -> tuple[int, int]:
    p = exponential_table()[d % 1024] >> (d >> 10) if d >> 10 < 16 else 0
    return p, (p * mantissa) >> (16 + behind) if behind < 16 else 0


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_pipeline(seed: int) -> None:
    rng = random.Random(seed)
    ports = 1 + seed
    config = TokenWeightsConfig(ports)
    rows: list[dict[str, int]] = [{} for _ in range(60 + LATENCY)]
    expected = []
    for cycle in range(60):
        maximum = rng.choice([(1 << 23) - 1, 0, -(1 << 23), rng.randint(-(1 << 22), 1 << 22)])
        room = maximum + (1 << 23)
        below = [
            min(room, rng.choice([0, 1, 1023, 1024, 16383, 16384, 1 << 24, rng.randrange(20000)]))
            for _ in range(ports)
        ]
        present = [rng.random() < 0.8 for _ in range(ports)]
        scales = [
            (rng.choice([0, 1 << 15, 65535, rng.randrange(1 << 16)]), rng.randrange(18))
            for _ in range(ports)
        ]
        rows[cycle]["scores"] = fields([maximum - d for d in below], 24)
        rows[cycle]["maximum"] = maximum
        rows[cycle]["present"] = fields([int(flag) for flag in present], 1)
        packed = [m | min(behind, 15) << 16 | (behind > 15) << 20 for m, behind in scales]
        rows[cycle + SCALE_DELAY]["scales"] = fields(packed, 21)
        expected.append(
            [told(d, *scale) if flag else (0, 0) for d, scale, flag in zip(below, scales, present)]
        )
    seen = play(config.create(), rows, ["p", "w"], seed)
    for cycle, pairs in enumerate(expected):
        assert split(seen[cycle + P_LATENCY]["p"], 16, ports) == [p for p, _ in pairs]
        assert split(seen[cycle + LATENCY]["w"], 16, ports) == [w for _, w in pairs]


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_compute(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-20000, 20000, (9, 3))
    mantissas, behind = rng.integers(0, 1 << 16, 9), rng.integers(0, 17, 9)
    p, w = TokenWeightsConfig(2).compute(scores, mantissas, behind)
    for token in range(9):
        for head in range(3):
            d = int(scores[:, head].max() - scores[token, head])
            expected = told(d, int(mantissas[token]), int(behind[token]))
            assert (p[token, head], w[token, head]) == expected
