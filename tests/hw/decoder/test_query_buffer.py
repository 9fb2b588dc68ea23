"""Queries: words of every lane, beats of every size, frames that overwrite each other."""

from __future__ import annotations

import numpy as np
import pytest

from sterna_hw.decoder.query_buffer import READ_LATENCY, QueryBufferConfig

from .cycle_bench import fields, play


@pytest.mark.parametrize("count", [1, 2, 8, 16])
def test_words(count: int) -> None:
    rng = np.random.default_rng(count)
    config = QueryBufferConfig(3, 5, count)
    vectors = rng.integers(-128, 128, (3, 80))
    rows: list[dict[str, int]] = []
    for lane in (2, 0, 1):
        # A shorter vector first, which the second one replaces.
        for length in (32, 80):
            vector = vectors[lane][:length] if length == 80 else rng.integers(-128, 128, 32)
            for start in range(0, length, count):
                beat = fields(vector[start : start + count].tolist(), 8)
                beat |= int(start + count == length) << 8 * count | lane << 8 * count + 1
                rows += [{"i.valid": 1, "i.payload": beat}] + [{}] * int(rng.integers(0, 2))
    rows += [{}] * 2
    reads = len(rows)
    places = [(lane, row) for lane in range(3) for row in range(5)]
    rows += [{"lane": lane, "row": row} for lane, row in places] + [{}] * READ_LATENCY
    seen = play(config.create(), rows, ["word"], count)
    words = config.compute(vectors)
    for number, (lane, row) in enumerate(places):
        found = seen[reads + number + READ_LATENCY]["word"]
        assert found == fields(words[lane, row].tolist(), 8)


def test_errors() -> None:
    with pytest.raises(ValueError) as error:
        QueryBufferConfig(1, 1, 3)
    assert str(error.value) == "Count must be 1, 2, 4, 8 or 16, not 3"
