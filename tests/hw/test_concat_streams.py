"""Streams one behind the other: results, exact cycles, stalls."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.concat_streams import ConcatStreamsConfig

from .part_checks import check_ports

NIBBLE = IntegerRange(-8, 7)
RANGES = [NIBBLE, IntegerRange(0, 15), IntegerRange(-1, 1), IntegerRange(-128, -3)]


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    branches, count = generator.randint(1, 4), generator.randint(1, 3)
    channels = tuple(count * generator.randint(1, 3) for _ in range(branches))
    ranges = tuple(generator.choice(RANGES) for _ in range(branches))
    config = ConcatStreamsConfig(channels, ranges, count)
    numbers = np.random.default_rng(seed)
    frames = {
        port: numbers.integers(values.low, values.high + 1, (8, elements))
        for port, values, elements in zip(config.inputs, ranges, channels)
    }
    result = config.compute(*frames.values())
    assert result.tolist() == [[int(v) for x in frames.values() for v in x[n]] for n in range(8)]
    check_ports(config, frames, {"o": result}, seed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "Count must be 1 or more, not 0"),
        ({"count": 2}, "Channels of a branch must be a multiple of 2, not 3"),
        ({"ranges": (NIBBLE,)}, "Ranges must be one for each of 2 inputs"),
    ],
)
def test_refuses(change: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {"channels": (4, 3), "ranges": (NIBBLE, NIBBLE), "count": 1, **change}
    with pytest.raises(ValueError) as error:
        ConcatStreamsConfig(**fields)
    assert str(error.value) == message
