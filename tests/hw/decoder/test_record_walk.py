"""The walk: order of places, flags, pauses behind tiny slots, cycles."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from sterna_hw.decoder.record_walk import RecordWalkConfig

from .cycle_bench import play

FLAGS = (
    "is_header",
    "is_first_word",
    "is_last_word",
    "is_last_query",
    "is_first_slot",
    "is_last_slot",
    "is_slot_end",
    "is_end",
)


def told(config: RecordWalkConfig, slots: int, rows: bool) -> list[dict[str, int]]:
    """All places of a walk; a header's place says nothing about words."""
    places = []
    for slot in range(slots):
        here = []
        if rows:
            for word in range(config.row_words):
                here.append({"word": word, "words": config.row_words, "query": 0, "queries": 1})
        else:
            here.append({})
            for _ in range(config.kv_heads):
                for word in range(config.head_words):
                    for query in range(config.group):
                        place = {"word": word, "words": config.head_words}
                        here.append({**place, "query": query, "queries": config.group})
        for number, place in enumerate(here):
            ends = number == len(here) - 1
            flags = {
                "is_header": int(not place),
                "is_first_slot": int(slot == 0),
                "is_last_slot": int(slot == slots - 1),
                "is_slot_end": int(ends),
                "is_end": int(ends and slot == slots - 1),
            }
            if place:
                flags["is_first_word"] = int(place["word"] == 0)
                flags["is_last_word"] = int(place["word"] == place["words"] - 1)
                flags["is_last_query"] = int(place["query"] == place["queries"] - 1)
            places.append(flags)
    return places


CONFIGS = [
    RecordWalkConfig(9, 2, 1, 2, 3, 8, 4),
    RecordWalkConfig(9, 1, 3, 2, 1, 1, 1),
    RecordWalkConfig(9, 1, 1, 6, 1, 8, 4),
    RecordWalkConfig(9, 3, 2, 2, 0, 1, 1),
]


@pytest.mark.parametrize("number", range(len(CONFIGS)))
@pytest.mark.parametrize("stalls", [False, True])
def test_walks(number: int, stalls: bool) -> None:
    config, rng = CONFIGS[number], random.Random(number)
    walks = [(rng.randint(1, 9), bool(config.row_words) and rng.random() < 0.5) for _ in range(5)]
    for slots, rows in walks:
        setting = {"rows": int(rows), "last_slot": slots - 1}
        expected = told(config, slots, rows)
        cycles: list[int] = []

        def advance(
            cycle: int, now: Mapping[str, int], count: int = len(expected), c: list[int] = cycles
        ) -> dict[str, int]:
            moves = cycle > 0 and now["is_open"] and len(c) < count
            if moves and not (stalls and rng.random() < 0.4):
                c.append(cycle - 1)
                return {"advance": 1}
            return {}

        played = [{"start": 1, **setting}] + [setting] * 400
        seen = play(config.create(), played, [*FLAGS, "is_open"], 0, advance)[1:]
        assert len(cycles) == len(expected)
        for cycle, place in zip(cycles, expected):
            assert {name: seen[cycle][name] for name in place} == place
        if not stalls:
            assert cycles[len(expected) - 1] + 1 == config.walk_cycles(slots, rows)
        least = config.row_cycles if rows else config.record_cycles
        size = len(expected) // slots
        for earlier in range(len(expected) - size):
            assert cycles[earlier + size] - cycles[earlier] >= least
