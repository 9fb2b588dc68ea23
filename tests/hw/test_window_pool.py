"""Pooling: results, exact cycles, stalls."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.window_pool import WindowPoolConfig

from .part_checks import check_part, random_frames


@pytest.mark.parametrize("kind", ["max", "sum"])
@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_random(kind: Any, seed: int) -> None:
    generator = random.Random(seed)
    values = generator.choice([IntegerRange(-8, 7), IntegerRange(0, 15), IntegerRange(-1, 1)])
    config = WindowPoolConfig(
        generator.randrange(1, 8),
        generator.randrange(1, 10),
        values,
        generator.randrange(1, 4),
        kind,
    )
    frames = random_frames(config, 6, seed)
    # What a window gives for channels that are not there is zero.
    split = frames.reshape(6, config.beats, config.taps, config.count)
    for lane in range(config.count):
        if (config.beats - 1) * config.count + lane >= config.channels:
            split[:, -1, :, lane] = 0
    check_part(config, split.reshape(6, -1), seed)


def test_by_hand() -> None:
    """Two channels a beat, three channels, two taps."""
    window = [[1, -2, 3, 4, 5, 0, -6, 0]]
    values = IntegerRange(-8, 7)
    assert WindowPoolConfig(3, 2, values, 2).compute(np.array(window)).tolist() == [[3, 4, 5]]
    sums = WindowPoolConfig(3, 2, values, 2, "sum")
    assert sums.compute(np.array(window)).tolist() == [[4, 2, -1]]
    assert (sums.output_range.low, sums.output_range.high) == (-16, 14)


@pytest.mark.parametrize("field", ["channels", "taps", "count"])
def test_refuses(field: str) -> None:
    fields: dict[str, Any] = {"channels": 1, "taps": 1, "count": 1, field: 0}
    with pytest.raises(ValueError, match=f"{field.capitalize()} must be 1 or more, not 0"):
        WindowPoolConfig(input_range=IntegerRange(0, 1), **fields)


def test_refuses_other_kinds() -> None:
    kind: Any = "median"
    with pytest.raises(ValueError, match="Kind of pooling must be max or sum, not 'median'"):
        WindowPoolConfig(1, 1, IntegerRange(0, 1), 1, kind)
