"""Logits of P rows, one after the other: spacing, absent rows, row numbers."""

from __future__ import annotations

import random

import pytest

from sterna_hw.decoder.logit_sequence import LogitSequenceConfig

from .cycle_bench import fields, play, signed


@pytest.mark.parametrize(("ports", "interval"), [(1, 1), (4, 1), (3, 2), (2, 5)])
def test_order_and_cycles(ports: int, interval: int) -> None:
    rng = random.Random(ports * interval)
    config = LogitSequenceConfig(ports, 12, 40, interval)
    rows: list[dict[str, int]] = []
    told = []
    for count in (9, 1, ports, 4 * ports - 1):
        rows.append({"start": 1})
        for slot in range(-(-count // ports)):
            sums = [rng.randint(-2047, 2047) for _ in range(ports)]
            present = [slot * ports + port < count for port in range(ports)]
            taken = len(rows)
            rows.append(
                {
                    "valid": 1,
                    "sums": fields(sums, 12),
                    "present": fields([int(flag) for flag in present], 1),
                }
            )
            rows += [{}] * (ports * interval - 1 + rng.choice([0, 3]))
            for port in range(ports):
                if present[port]:
                    told.append((taken + 1 + port * interval, slot * ports + port, sums[port]))
        rows += [{}]
    seen = play(config.create(), rows, ["found", "index", "logit"], 1)
    found = [
        (cycle, now["index"], signed(now["logit"] & 0xFFF, 12))
        for cycle, now in enumerate(seen)
        if now["found"]
    ]
    assert found == told
    assert config.latency == 1 + (ports - 1) * interval
