"""The list of the best logits: order, ties, few rows, pieces of every length."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.decoder.best_logits import BestLogitsConfig
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import PartRun
from sterna_sim.stalls import PROFILES

WIDTH = 9
PROFILE_NAMES = list(PROFILES)


def told(logits: list[int], k: int) -> list[tuple[int, int]]:
    order = sorted(range(len(logits)), key=lambda row: (-logits[row], row))
    return [(row, logits[row]) for row in order[:k]]


def run(
    config: BestLogitsConfig, lists: list[list[int]], profile: str, seed: int
) -> tuple[PartRun, list[int]]:
    """One list after the other: clear, the logits as close together as allowed, flush, all out."""
    junk = random.Random(seed)
    controls: dict[str, list[int]] = {
        name: [] for name in ("clear", "valid", "index", "logit", "flush")
    }

    def cycle(**values: int) -> None:
        for name, row in controls.items():
            if name in ("index", "logit") and name not in values:
                top = config.rows if name == "index" else 1 << WIDTH - 1
                row.append(junk.randrange(top))
            else:
                row.append(values.get(name, 0))

    flushes = []
    for logits in lists:
        cycle(clear=1)
        for _ in range(config.piece_places):
            cycle()
        for index, logit in enumerate(logits):
            cycle(valid=1, index=index, logit=logit)
            for _ in range(config.interval - 1):
                cycle()
        for _ in range(config.settle_cycles - config.interval):
            cycle()
        flushes.append(len(controls["flush"]))
        cycle(flush=1)
        for _ in range(600 if profile != "none" else config.flush_cycles(len(logits)) + 1):
            cycle()
    count = sum(min(config.best_count, len(logits)) for logits in lists)
    done = run_part(config.create(), {}, {"o": count}, profile, seed, controls=controls)
    return done, flushes


def entries(config: BestLogitsConfig, payloads: list[int]) -> list[tuple[int, int]]:
    width = max(1, (config.rows - 1).bit_length())
    found = []
    for payload in payloads:
        logit = payload >> width & 0xFFFFFFFF
        found.append((payload & (1 << width) - 1, logit - (1 << 32) if logit >> 31 else logit))
    return found


@pytest.mark.parametrize("seed", range(24), ids=lambda seed: f"seed{seed}")
def test_lists(seed: int) -> None:
    rng = random.Random(seed)
    rows = rng.randrange(2, 40)
    k = 1 if seed % 4 == 0 else rng.randrange(1, min(rows, 20) + 1)
    config = BestLogitsConfig(k, rows, WIDTH, rng.choice([1, 2, 3, 5, 24]))
    top = rng.choice([1, 3, (1 << WIDTH - 1) - 1])
    lists = [[rng.randint(-top, top) for _ in range(rng.randrange(1, rows + 1))] for _ in range(3)]
    lists[1].sort(reverse=bool(seed % 2))
    profile = PROFILE_NAMES[seed % len(PROFILE_NAMES)]
    done, flushes = run(config, lists, profile, seed)
    expected = [told(logits, k) for logits in lists]
    assert entries(config, done.payloads("o")) == sum(expected, [])
    assert [config.compute(np.array(logits)).tolist() for logits in lists] == [
        [list(entry) for entry in best] for best in expected
    ]
    if profile == "none":
        ends = np.cumsum([len(best) for best in expected]) - 1
        cycles = [done.cycles("o")[end] for end in ends]
        assert cycles == [
            start + config.flush_cycles(len(logits)) for start, logits in zip(flushes, lists)
        ]


@pytest.mark.parametrize("k", [0, 4])
def test_errors(k: int) -> None:
    with pytest.raises(ValueError) as error:
        BestLogitsConfig(k, 3, WIDTH, 1)
    assert str(error.value) == f"Best count must be from 1 to the 3 rows, not {k}"
