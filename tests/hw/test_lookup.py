"""Tables of results: every value, exact cycles, stalls, what is refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange, find_device
from sterna_hw.lookup import LookupConfig

from .part_checks import check_part, random_frames


@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    low = generator.choice([0, -13, -4, 3])
    values = IntegerRange(low, low + generator.choice([0, 1, 5, 16, 20]))
    channels, count = generator.randrange(1, 7), generator.randrange(1, 5)
    if channels % count:
        values = values.with_zero()
    rows = generator.choice([1, channels])
    reach = generator.choice([(0, 9), (-20, 20)])
    size = values.high - values.low + 1
    table = np.random.default_rng(seed).integers(*reach, (rows, size))
    style: Any = generator.choice(["block", "distributed"])
    config = LookupConfig(channels, count, values, table, style=style)
    frames = random_frames(config, 6, seed)
    expected = [
        [int(table[channel if rows > 1 else 0, x - values.low]) for channel, x in enumerate(frame)]
        for frame in frames.tolist()
    ]
    np.testing.assert_array_equal(config.compute(frames), expected)
    check_part(config, frames, seed)


def test_cost_grows_with_the_table() -> None:
    device = find_device("ecp5-25k")
    costs = [
        LookupConfig(1, 1, IntegerRange(0, top), [list(range(top + 1))]).cost(device).lut
        for top in (15, 255)
    ]
    assert costs[0] < costs[1]


@pytest.mark.parametrize("shape", [(2, 4), (1, 3), (3, 5)])
def test_refuses_other_shapes(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="Table must have 1 or 3 rows of 4 entries, not shape"):
        LookupConfig(3, 1, IntegerRange(0, 3), np.zeros(shape, int))
