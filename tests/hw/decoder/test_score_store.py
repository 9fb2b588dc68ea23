"""Scores kept and the maxima of heads: absent tokens, first slots, heads as close as allowed."""

from __future__ import annotations

import random

import pytest

from sterna_hw.decoder.score_store import READ_LATENCY, ScoreStoreConfig

from .cycle_bench import fields, play, signed, split


@pytest.mark.parametrize(("ports", "heads"), [(1, 1), (2, 3), (3, 2), (4, 5)])
def test_passes(ports: int, heads: int) -> None:
    rng = random.Random(ports)
    slots = 4
    config = ScoreStoreConfig(ports, heads, slots)
    rows: list[dict[str, int]] = []
    reads: list[tuple[int, list[int], int]] = []
    for _ in range(3):
        rows.append({"start": 1})
        kept: list[list[int]] = []
        maxima: list[int] = []
        for slot in range(slots):
            for head in range(heads):
                scores = [rng.choice([-(1 << 23), rng.randint(-9, 9)]) for _ in range(ports)]
                last = slot == slots - 1
                present = [port == 0 or not last or port < ports - 1 for port in range(ports)]
                best = max(score for score, flag in zip(scores, present) if flag)
                if slot == 0:
                    maxima.append(best)
                maxima[head] = max(maxima[head], best)
                kept.append(scores)
                rows.append(
                    {
                        "valid": 1,
                        "scores": fields(scores, 24),
                        "present": fields([int(flag) for flag in present], 1),
                        "is_first_slot": int(slot == 0),
                    }
                )
            rows += [{"is_first_slot": 1}] * max(0, 3 - heads)
        rows += [{}] * config.write_latency
        for row, scores in enumerate(kept):
            reads.append((len(rows) + READ_LATENCY, scores, maxima[row % heads]))
            rows.append({"row": row, "head": row % heads})
        rows += [{}] * READ_LATENCY
    seen = play(config.create(), rows, ["stored", "maximum"], heads)
    for cycle, scores, maximum in reads:
        assert split(seen[cycle]["stored"], 24, ports, True) == scores
        assert signed(seen[cycle]["maximum"] & 0xFFFFFF, 24) == maximum
