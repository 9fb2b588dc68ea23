"""Deformable windows: plain indexing, exact cycles, stalls, no bubbles, what is refused."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import IntegerRange, WindowAxis, find_device
from sterna_hw.deformable_window import DeformableWindowConfig
from sterna_hw.sliding_window import SlidingWindowConfig

from .part_checks import check_ports

NIBBLE = IntegerRange(-8, 7)
SMALL = DeformableWindowConfig(
    WindowAxis(5, 3, before=1, after=1), WindowAxis(4, 3, before=1, after=1), 2, NIBBLE, 2, 1
)


def told(config: DeformableWindowConfig, images: np.ndarray, offsets: np.ndarray) -> list[Any]:
    """The windows, tap by tap; ``offsets`` [image, position, tap, 2]."""
    rows, columns = config.rows, config.columns
    vectors = []
    for image, moved in zip(images.tolist(), offsets.tolist()):
        for position in range(rows.outputs * columns.outputs):
            row, column = divmod(position, columns.outputs)
            pixels = []
            for tap in range(config.taps):
                down, across = divmod(tap, columns.kernel)
                y = row * rows.stride - rows.before + down * rows.dilation
                x = column * columns.stride - columns.before + across * columns.dilation
                y, x = y + moved[position][tap][0], x + moved[position][tap][1]
                inside = 0 <= y < rows.size and 0 <= x < columns.size
                pixels.append(image[y][x] if inside else [config.pad_value] * config.channels)
            lanes = config.beats * config.count
            full = [pixel + [0] * (lanes - config.channels) for pixel in pixels]
            vectors.append(
                [
                    value
                    for first in range(0, lanes, config.count)
                    for pixel in full
                    for value in pixel[first : first + config.count]
                ]
            )
    return vectors


def random_axis(generator: random.Random) -> WindowAxis:
    while True:
        kernel, dilation = generator.randrange(1, 4), generator.randrange(1, 3)
        span = (kernel - 1) * dilation + 1
        before, after = (generator.randrange(span) for _ in range(2))
        size, stride = generator.randrange(1, 7), generator.randrange(1, 4)
        if before + size + after >= span:
            return WindowAxis(size, kernel, stride, dilation, before, after)


@pytest.mark.parametrize("seed", range(16), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    config = DeformableWindowConfig(
        random_axis(generator),
        random_axis(generator),
        channels=generator.randrange(1, 6),
        input_range=NIBBLE,
        count=generator.randrange(1, 4),
        bound=generator.randrange(1, 4),
        pad_value=generator.randrange(-8, 8),
        style=generator.choice(["block", "distributed"]),
    )
    numbers = np.random.default_rng(seed)
    pixels = config.rows.size * config.columns.size
    positions = config.rows.outputs * config.columns.outputs
    images = numbers.integers(-8, 8, (3, config.rows.size, config.columns.size, config.channels))
    offsets = numbers.integers(-config.bound, config.bound + 1, (3, positions, config.taps, 2))
    given = {
        "i": images.reshape(3 * pixels, config.channels),
        "offsets": offsets.reshape(3 * positions, 2 * config.taps),
    }
    expected = np.array(told(config, images, offsets))
    np.testing.assert_array_equal(config.compute(given["i"], given["offsets"]), expected)
    check_ports(config, given, {"o": expected}, seed)


def test_without_offsets_it_is_a_window() -> None:
    plain = SlidingWindowConfig(SMALL.rows, SMALL.columns, 2, NIBBLE, 1, pad_value=3)
    config = replace(SMALL, count=1, pad_value=3)
    pixels = np.random.default_rng(1).integers(-8, 8, (2 * 20, 2))
    offsets = np.zeros((2 * 20, 2 * config.taps), dtype=np.int64)
    np.testing.assert_array_equal(config.compute(pixels, offsets), plain.compute(pixels))


@pytest.mark.parametrize("bound", [1, 3])
def test_there_is_no_bubble_between_rows(bound: int) -> None:
    """From the first window of an image on; the next image waits for the band."""
    config = replace(SMALL, rows=WindowAxis(24, 3, before=1, after=1), bound=bound)
    positions = config.rows.outputs * config.columns.outputs
    beats = {("part", "i"): 3 * 24 * 4, ("part", "offsets"): 3 * positions}
    times = simulate_network(Network({"part": config.timing()}, []), beats).transfers
    leaves = times["part", "o"].reshape(3, positions)
    for image in leaves:
        waits = np.diff(image) - 1
        # The last row of positions waits for the whole image, whatever of it is needed.
        assert not waits[: positions - config.columns.outputs - 1].any()
    assert np.diff(leaves[:, -1]).max() <= 24 * 4 + (config.band.size + 1) * 4


def test_cost() -> None:
    device = find_device("ecp5-25k")
    costs = [replace(SMALL, bound=bound).cost(device) for bound in (1, 3)]
    assert 0 < costs[0].lut < costs[1].lut and costs[0].bram == 9


@pytest.mark.parametrize("field", ["channels", "count", "bound"])
def test_refuses(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field.capitalize()} must be 1 or more, not 0"):
        replace(SMALL, **{field: 0})
