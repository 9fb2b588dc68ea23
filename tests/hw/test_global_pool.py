"""Global pooling: results, exact cycles, stalls, what is refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.global_pool import GlobalPoolConfig
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import frames_to_payloads

from .part_checks import PROFILE_NAMES, assert_cycles, output_frames


@pytest.mark.parametrize("kind", ["max", "sum"])
@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_random(kind: Any, seed: int) -> None:
    generator = random.Random(seed)
    values = generator.choice([IntegerRange(-8, 7), IntegerRange(0, 15), IntegerRange(-1, 1)])
    channels, pixels = generator.randrange(1, 8), generator.choice([1, 2, 3, 9])
    config = GlobalPoolConfig(channels, generator.randrange(1, 4), pixels, values, kind)
    images = np.random.default_rng(seed).integers(
        values.low, values.high + 1, (4, pixels, channels)
    )
    expected = [
        [(max if kind == "max" else sum)(image[:, channel].tolist()) for channel in range(channels)]
        for image in images
    ]
    beats = frames_to_payloads(images.reshape(-1, channels), values, config.count)
    outputs = {"o": 4 * config.beats}
    profile = PROFILE_NAMES[seed % len(PROFILE_NAMES)]
    for name, reset_at in ((profile, None), ("none", None), ("bursts", 9)):
        run = run_part(config.create(), {"i": beats}, outputs, name, seed, reset_at=reset_at)
        np.testing.assert_array_equal(output_frames(config, run), expected)
        if name == "none":
            assert_cycles(config.timing(), run)
    np.testing.assert_array_equal(config.compute(images.reshape(-1, channels)), expected)
    assert config.output_range.contains(np.array(expected))


def test_a_pixel_a_cycle() -> None:
    config = GlobalPoolConfig(6, 2, 49, IntegerRange(0, 15))
    assert config.timing().busy_cycles == 49 * 3


@pytest.mark.parametrize("field", ["channels", "count", "pixels"])
def test_refuses(field: str) -> None:
    fields: dict[str, Any] = {"channels": 1, "count": 1, "pixels": 1, field: 0}
    with pytest.raises(ValueError, match=f"{field.capitalize()} must be 1 or more, not 0"):
        GlobalPoolConfig(input_range=IntegerRange(0, 1), **fields)


def test_refuses_other_kinds() -> None:
    kind: Any = "median"
    with pytest.raises(ValueError, match="Kind of pooling must be max or sum, not 'median'"):
        GlobalPoolConfig(1, 1, 1, IntegerRange(0, 1), kind)
