"""Weighted sums: extremes, rows visited as early as allowed, first slots, reads in between."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.decoder.value_sum import READ_LATENCY, ValueSumConfig

from .cycle_bench import fields, play, split


@pytest.mark.parametrize("ports", [1, 2, 4])
def test_sums(ports: int) -> None:
    rng = random.Random(ports)
    rows, slots = 3, 4
    config = ValueSumConfig(ports, rows, ports * slots)
    played: list[dict[str, int]] = []
    totals = [[0] * 16 for _ in range(rows)]
    for slot in range(slots):
        for row in range(rows):
            weights = [rng.choice([0, 65534, rng.randrange(65535)]) for _ in range(ports)]
            codes = [
                [rng.choice([-127, 127, rng.randint(-127, 127)]) for _ in range(16)]
                for _ in range(ports)
            ]
            for place in range(16):
                totals[row][place] += sum(w * v[place] for w, v in zip(weights, codes))
            played.append(
                {
                    "step": 1,
                    "row": row,
                    "is_first_slot": int(slot == 0),
                    "weights": fields(weights, 16),
                    "word": fields([fields(part, 8) for part in codes], 128),
                }
            )
        # The same row comes again exactly as soon as it may.
        played += [{"is_first_slot": rng.randrange(2)}] * (config.write_latency + 1 - rows)
    played += [{}] * config.write_latency
    reads = len(played)
    played += [{"row": row} for row in range(rows)] + [{}] * READ_LATENCY
    seen = play(config.create(), played, ["sums"], ports)
    width = config.sum_range.width
    for row in range(rows):
        sums = split(seen[reads + row + READ_LATENCY]["sums"], width, 16, True)
        assert sums == totals[row]


def test_compute_repeats_key_heads() -> None:
    rng = np.random.default_rng(1)
    weights, values = rng.integers(0, 65535, (5, 4)), rng.integers(-127, 128, (5, 2, 16))
    found = ValueSumConfig(2, 4, 5).compute(weights, values, 2)
    for head in range(4):
        for place in range(16):
            told = sum(int(weights[j, head]) * int(values[j, head // 2, place]) for j in range(5))
            assert found[head, place] == told
