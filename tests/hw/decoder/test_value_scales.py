"""Scales of values: the largest exponent among those that count, and places behind it."""

from __future__ import annotations

import random

import pytest

from sterna_hw.decoder.value_scales import READ_LATENCY, WRITE_LATENCY, ValueScalesConfig

from .cycle_bench import fields, play, split


@pytest.mark.parametrize("ports", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")
def test_passes(ports: int, seed: int) -> None:
    rng = random.Random(seed * 5 + ports)
    config = ValueScalesConfig(ports, 6)
    rows: list[dict[str, int]] = []
    checks: list[tuple[int, list[tuple[int, int]], list[bool]]] = []
    for number in range(3):
        spread = rng.choice([2, 30, 2047])
        slots = []
        rows.append({"start": 1})
        for slot in range(6):
            scales = [
                (
                    0 if number == 1 or rng.random() < 0.2 else rng.randrange(1 << 15, 1 << 16),
                    rng.randint(-spread, spread),
                )
                for _ in range(ports)
            ]
            present = [port == 0 or slot < 5 or port <= seed for port in range(ports)]
            slots.append((scales, present))
            packed = [mantissa | (e & 0xFFF) << 16 for mantissa, e in scales]
            flags = fields([int(flag) for flag in present], 1)
            rows.append({"valid": 1, "scales": fields(packed, 28), "present": flags})
            rows += [{}] * rng.choice([0, 2])
        rows += [{}] * WRITE_LATENCY
        largest = [
            e for scales, present in slots for (m, e), flag in zip(scales, present) if m and flag
        ]
        for slot, (scales, present) in enumerate(slots):
            told = [(m, max(largest, default=0) - e) for m, e in scales]
            counts = [bool(m) and flag for (m, _), flag in zip(scales, present)]
            checks.append((len(rows) + READ_LATENCY, told, counts))
            rows.append({"slot": slot})
        rows += [{}] * READ_LATENCY
    seen = play(config.create(), rows, ["weights"], seed)
    for cycle, told, counts in checks:
        for bits, (mantissa, behind), counted in zip(
            split(seen[cycle]["weights"], 21, ports), told, counts
        ):
            assert bits & 0xFFFF == mantissa
            if counted:
                assert bits >> 20 == int(behind >= 16)
                assert behind >= 16 or bits >> 16 & 15 == behind
