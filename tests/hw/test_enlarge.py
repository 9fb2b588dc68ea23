"""Larger images: plain indexing, exact cycles, stalls, no bubbles, what is refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import IntegerRange, find_device
from sterna_hw.enlarge import EnlargeConfig
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import frames_to_payloads

from .part_checks import PROFILE_NAMES, assert_cycles, output_frames

NIBBLE = IntegerRange(-8, 7)


def told(config: EnlargeConfig, images: np.ndarray) -> list[list[int]]:
    """The larger image, pixel by pixel."""
    vectors = []
    for image in images:
        for y in range(config.rows * config.down):
            for x in range(config.columns * config.across):
                pixel = image[y // config.down, x // config.across].tolist()
                part = y % config.down * config.across + x % config.across
                first = part * config.outputs if config.kind == "shuffle" else 0
                vectors.append(pixel[first : first + config.outputs])
    return vectors


@pytest.mark.parametrize("kind", ["repeat", "shuffle"])
@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_random(kind: Any, seed: int) -> None:
    generator = random.Random(seed)
    down, across, count = (generator.randrange(1, 4) for _ in range(3))
    channels = count * generator.randrange(1, 3) * (down * across if kind == "shuffle" else 1)
    rows, columns = generator.randrange(1, 4), generator.randrange(1, 5)
    style: Any = generator.choice(["block", "distributed"])
    config = EnlargeConfig(rows, columns, channels, down, across, NIBBLE, count, kind, style=style)
    images = np.random.default_rng(seed).integers(-8, 8, (3, rows, columns, channels))
    expected = told(config, images)
    np.testing.assert_array_equal(config.compute(images.reshape(-1, channels)), expected)
    beats = frames_to_payloads(images.reshape(-1, channels), NIBBLE, count)
    outputs = {"o": len(expected) * config.output_beats}
    profile = PROFILE_NAMES[seed % len(PROFILE_NAMES)]
    for name, reset_at in ((profile, None), ("none", None), ("bursts", 17)):
        run = run_part(config.create(), {"i": beats}, outputs, name, seed, reset_at=reset_at)
        np.testing.assert_array_equal(output_frames(config, run), expected)
        if name == "none":
            assert_cycles(config.timing(), run)


@pytest.mark.parametrize("kind", ["repeat", "shuffle"])
def test_a_beat_leaves_every_cycle(kind: Any) -> None:
    """From the first pixel on there is no bubble, also between rows and frames."""
    config = EnlargeConfig(3, 4, 8, 2, 2, NIBBLE, 1, kind)
    frame = 3 * 4 * config.beats
    times = simulate_network(Network({"part": config.timing()}, []), 3 * frame).transfers
    leaves = np.diff(times["part", "o"])
    if kind == "repeat":
        assert (leaves == 1).all()
    else:
        # As many beats leave as come: no more than one row is waited for.
        assert times["part", "o"][-1] - times["part", "i"][-1] <= 2 * 4 * config.beats


def test_cost() -> None:
    device = find_device("ecp5-25k")
    costs = [
        EnlargeConfig(8, 8, 4, 2, 2, IntegerRange(0, top), 4).cost(device).ff for top in (3, 255)
    ]
    assert 0 < costs[0] < costs[1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rows": 0}, "Rows must be 1 or more, not 0"),
        ({"kind": "blur"}, "Kind of enlarging must be repeat or shuffle, not 'blur'"),
        ({"kind": "shuffle"}, "Channels must be a multiple of 4 to be shuffled, not 6"),
        ({"count": 4}, "Count must divide 6 channels, not be 4"),
    ],
)
def test_refuses(fields: dict[str, Any], message: str) -> None:
    plain: dict[str, Any] = {"rows": 2, "columns": 2, "channels": 6, "down": 2, "across": 2}
    with pytest.raises(ValueError, match=message):
        EnlargeConfig(**{**plain, "count": 2, "input_range": NIBBLE, **fields})
