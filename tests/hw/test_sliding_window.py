"""Sliding windows: every geometry against plain indexing, exact cycles, stalls, no bubbles."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import IntegerRange, WindowAxis
from sterna_hw.sliding_window import SlidingWindowConfig
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import frames_to_payloads

from .part_checks import PROFILE_NAMES, assert_cycles, output_frames

NIBBLE = IntegerRange(-8, 7)
IMAGES = 3


def told(config: SlidingWindowConfig, images: np.ndarray) -> np.ndarray:
    """Windows by plain indexing, element by element."""
    rows, columns = config.rows, config.columns
    vectors = []
    for image in images:
        for y in range(rows.outputs):
            for x in range(columns.outputs):
                vector = []
                for first in range(0, config.channels, config.count):
                    for ky in range(rows.kernel):
                        for kx in range(columns.kernel):
                            row = y * rows.stride - rows.before + ky * rows.dilation
                            column = x * columns.stride - columns.before + kx * columns.dilation
                            inside = 0 <= row < rows.size and 0 <= column < columns.size
                            for channel in range(first, first + config.count):
                                if channel >= config.channels:
                                    vector.append(0)
                                elif inside:
                                    vector.append(image[row, column, channel])
                                else:
                                    vector.append(config.pad_value)
                vectors.append(vector)
    return np.array(vectors)


def check(config: SlidingWindowConfig, seed: int) -> None:
    generator = np.random.default_rng(seed)
    low, high = config.input_range.low, config.input_range.high
    size = (IMAGES, config.rows.size, config.columns.size, config.channels)
    images = generator.integers(low, high + 1, size)
    pixels = images.reshape(-1, config.channels)
    expected = told(config, images)
    np.testing.assert_array_equal(config.compute(pixels), expected)
    assert config.output_range.contains(expected)
    beats = frames_to_payloads(pixels, config.input_range, config.count)
    count = {"o": len(expected) * config.beats}
    profile = PROFILE_NAMES[seed % len(PROFILE_NAMES)]
    for name, reset_at in (("none", None), (profile, None), (profile, 20 + seed % 50)):
        run = run_part(config.create(), {"i": beats}, count, name, seed, reset_at=reset_at)
        np.testing.assert_array_equal(output_frames(config, run), expected)
        if name == "none":
            assert_cycles(config.timing(), run)


def axis(size: int, *fields: int) -> WindowAxis:
    return WindowAxis(size, *fields)


CASES = {
    "same 3x3": (axis(5, 3, 1, 1, 1, 1), axis(6, 3, 1, 1, 1, 1), 1, 1),
    "valid 3x3": (axis(5, 3), axis(6, 3), 2, 1),
    "stride 2": (axis(7, 3, 2, 1, 1, 1), axis(6, 3, 2, 1, 1, 0), 3, 2),
    "pool 2x2": (axis(5, 2, 2), axis(6, 2, 2), 2, 2),
    "dilated": (axis(7, 3, 1, 2, 2, 2), axis(8, 3, 1, 2, 2, 2), 1, 1),
    "in time": (axis(1), axis(12, 5, 1, 1, 2, 2), 3, 1),
    "one by one, stride 2": (axis(4, 1, 2), axis(4, 1, 2), 2, 2),
    "whole image": (axis(3, 3), axis(4, 4), 2, 1),
    "gaps": (axis(6, 1, 3), axis(7, 2, 4), 1, 1),
    "5x5": (axis(6, 5, 1, 1, 2, 2), axis(6, 5, 1, 1, 2, 2), 1, 1),
    "one row": (axis(1, 3, 1, 1, 1, 1), axis(3, 3, 1, 1, 1, 1), 1, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_geometries(name: str) -> None:
    rows, columns, channels, count = CASES[name]
    config = SlidingWindowConfig(rows, columns, channels, NIBBLE, count)
    check(config, sum(map(ord, name)))


@pytest.mark.parametrize("seed", range(16), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)

    def random_axis() -> WindowAxis:
        while True:
            kernel, dilation = generator.randrange(1, 5), generator.choice([1, 1, 2, 3])
            span = (kernel - 1) * dilation + 1
            before, after = generator.randrange(span), generator.randrange(span)
            size, stride = generator.randrange(1, 9), generator.randrange(1, 4)
            if span <= before + size + after:
                return WindowAxis(size, kernel, stride, dilation, before, after)

    values = generator.choice([NIBBLE, IntegerRange(0, 3), IntegerRange(-1, 1)])
    config = SlidingWindowConfig(
        random_axis(),
        random_axis(),
        generator.randrange(1, 6),
        values,
        generator.randrange(1, 4),
        pad_value=generator.choice([0, values.low, 9]),
        style=generator.choice(["block", "distributed"]),
    )
    check(config, seed)


@pytest.mark.parametrize(
    ("kernel", "stride", "beats"), [(3, 1, 1), (3, 1, 4), (2, 2, 1), (3, 2, 2), (5, 1, 1)]
)
def test_no_bubbles(kernel: int, stride: int, beats: int) -> None:
    """A frame takes as many cycles as the larger of its beats in and out."""
    padding = (kernel - 1) // 2 if stride == 1 else 0
    sides = WindowAxis(16, kernel, stride, 1, padding, padding)
    config = SlidingWindowConfig(sides, sides, beats, NIBBLE, 1)
    frames = 4
    count = config.schedule.frame_beats
    times = simulate_network(Network({"part": config.timing()}, []), count * frames).transfers
    out = times["part", "o"].reshape(frames, -1)
    ideal = max(count, config.schedule.step_count)
    assert (np.diff(out[:, -1])[1:] == ideal).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((0, 3), "Size of a window must be 1 or more, not 0"),
        ((4, 0), "Kernel of a window must be 1 or more, not 0"),
        ((4, 3, 0), "Stride of a window must be 1 or more, not 0"),
        ((4, 3, 1, 0), "Dilation of a window must be 1 or more, not 0"),
        ((4, 3, 1, 1, 3), "Padding before a window's inputs must be 0 to 2, not 3"),
        ((4, 3, 1, 1, 0, 3), "Padding after a window's inputs must be 0 to 2, not 3"),
        ((4, 5), "Extent of a window must be at most 4, not 5"),
    ],
)
def test_axis_refuses(fields: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowAxis(*fields)


@pytest.mark.parametrize("field", ["channels", "count"])
def test_refuses(field: str) -> None:
    fields: dict[str, Any] = {"channels": 1, "count": 1, field: 0}
    with pytest.raises(ValueError, match=f"{field.capitalize()} must be 1 or more, not 0"):
        SlidingWindowConfig(axis(4, 3), axis(4, 3), input_range=NIBBLE, **fields)
