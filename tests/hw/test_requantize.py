"""Requantisation: every rounding and clip by hand and at random, exact cycles, reload, errors."""

from __future__ import annotations

import dataclasses
import random
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange, Rounding, find_device
from sterna_hw.requantize import RequantizeConfig

from .part_checks import PROFILE_NAMES, check_part, output_frames, random_frames, run_reloaded

BYTE = IntegerRange(-128, 127)
FLOOR, HALF_UP, HALF_EVEN = Rounding.FLOOR, Rounding.HALF_UP, Rounding.HALF_EVEN


def rounded(value: Fraction, rounding: Rounding) -> int:
    """The meaning of the names, on exact fractions."""
    if rounding is FLOOR:
        return floor(value)
    if rounding is HALF_UP:
        return floor(value + Fraction(1, 2))
    below, above = floor(value), ceil(value)
    if value - below == above - value:
        return below if below % 2 == 0 else above
    return below if value - below < above - value else above


def plainly(config: RequantizeConfig, frames: np.ndarray) -> list[list[int]]:
    low, high = config.output_range.low, config.output_range.high
    scales = np.stack([np.array(config.multiplier), np.array(config.offset)], axis=1).tolist()
    return [
        [
            min(max(rounded(Fraction(x * m + b, 1 << config.shift), config.rounding), low), high)
            for x, (m, b) in zip(frame, scales)
        ]
        for frame in frames.tolist()
    ]


def random_config(seed: int, **fields: Any) -> RequantizeConfig:
    generator = random.Random(seed)
    channels, count = generator.randrange(1, 11), generator.randrange(1, 5)
    input_width, multiplier_width = generator.randrange(2, 26), generator.randrange(1, 22)
    values = IntegerRange(
        generator.choice([0, -generator.getrandbits(input_width)]),
        generator.getrandbits(input_width),
    )
    per_channel = generator.random() < 0.6
    limit = (1 << multiplier_width) - 1

    def scales(low: int, high: int) -> Any:
        if per_channel:
            return [generator.randint(low, high) for _ in range(channels)]
        return generator.choice([generator.randint(low, high), 1, -4])

    fields.setdefault("reloadable", generator.random() < 0.3)
    low = generator.choice([0, -8, -128])
    return RequantizeConfig(
        channels,
        count,
        values,
        scales(generator.choice([0, -limit]), limit),
        scales(-limit, limit),
        generator.randrange(0, input_width + multiplier_width),
        generator.choice([FLOOR, HALF_UP, HALF_EVEN]),
        IntegerRange(low, generator.choice([0, 7, 127, 1 << 50])),
        distributed_rows=generator.choice([1, 64]),
        **fields,
    )


@pytest.mark.parametrize(
    ("rounding", "outputs"),
    [
        (FLOOR, [-2, -2, -1, -1, 0, 0, 1, 1, 2]),
        (HALF_UP, [-2, -1, -1, 0, 0, 1, 1, 2, 2]),
        (HALF_EVEN, [-2, -2, -1, 0, 0, 0, 1, 2, 2]),
    ],
)
def test_halves_by_hand(rounding: Rounding, outputs: list[int]) -> None:
    config = RequantizeConfig(1, 1, IntegerRange(-4, 4), 1, 0, 1, rounding, BYTE)
    frames = np.arange(-4, 5)[:, np.newaxis]
    assert config.compute(frames)[:, 0].tolist() == outputs
    check_part(config, frames, 0)


@pytest.mark.parametrize(
    ("arguments", "value", "output"),
    [
        ((3, 1, 2), 5, 4),  # (15 + 1) / 4
        ((-3, 0, 0), 5, -15),
        ((100, 0, 0), 90, 127),  # clipped above
        ((100, 0, 0), -90, -128),  # and below
        ((0, 7, 0), 33, 7),
        ((1, -1000, 3), 0, -125),
    ],
)
def test_by_hand(arguments: tuple[int, int, int], value: int, output: int) -> None:
    config = RequantizeConfig(1, 1, BYTE, *arguments, FLOOR, BYTE)
    frames = np.array([[value]])
    assert config.compute(frames).tolist() == [[output]]
    check_part(config, frames, 1)


@pytest.mark.parametrize("seed", range(48), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    config = random_config(seed)
    frames = random_frames(config, 5, seed)
    assert config.compute(frames).tolist() == plainly(config, frames)
    check_part(config, frames, seed)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("shift", [1, 2, 3])
def test_every_value(shift: int, rounding: Rounding) -> None:
    config = RequantizeConfig(2, 2, IntegerRange(-32, 31), [3, -5], [1, 2], shift, rounding, BYTE)
    frames = np.stack([np.arange(-32, 32)] * 2, axis=1)
    assert config.compute(frames).tolist() == plainly(config, frames)
    check_part(config, frames, shift)


def test_bias_alone_costs_no_multiplier() -> None:
    # The stage behind a last layer: wide logits, one bias for each class.
    config = RequantizeConfig(
        10, 2, IntegerRange(-5000, 5000), 1, list(range(-5, 5)), 0, FLOOR, IntegerRange(-6000, 6000)
    )
    assert config.cost(find_device("ecp5-85k")).dsp == 0
    assert config.timing().initial == {"places": 4}  # table, adder, queue and one
    check_part(config, random_frames(config, 6, 0), 0)


@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_reload(seed: int) -> None:
    config = random_config(seed, reloadable=True)
    generator = np.random.default_rng(seed)

    def anew(allowed: IntegerRange | None) -> np.ndarray:
        assert allowed is not None
        return generator.integers(allowed.low, allowed.high + 1, config.channels)

    multiplier, offset = anew(config.multiplier_range), anew(config.offset_range)
    new = dataclasses.replace(config, multiplier=multiplier, offset=offset)
    rows = config.pack(multiplier, offset)
    assert len(rows) == config.row_count
    assert max(rows).bit_length() <= config.row_width
    frames = random_frames(config, 4, seed)
    run = run_reloaded(config, rows, frames, seed, PROFILE_NAMES[seed % len(PROFILE_NAMES)])
    np.testing.assert_array_equal(output_frames(config, run), new.compute(frames))


FIELDS = {
    "channels": 3,
    "count": 2,
    "input_range": BYTE,
    "multiplier": [1, 2, 3],
    "offset": 4,
    "shift": 2,
    "rounding": FLOOR,
    "output_range": BYTE,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 0}, "Channels must be 1 or more, not 0"),
        ({"count": 0}, "Count must be 1 or more, not 0"),
        ({"shift": -1}, "Shift must be 0 to 48, not -1"),
        ({"shift": 49}, "Shift must be 0 to 48, not 49"),
        (
            {"multiplier": [1, 2]},
            "Multiplier must be one integer, or one for each of 3 channels, not 2",
        ),
        ({"offset": [1] * 4}, "Offset must be one integer, or one for each of 3 channels, not 4"),
        (
            {"multiplier_range": IntegerRange(0, 2)},
            "Multiplier must be within [0, 2], not [1, 3]",
        ),
        ({"offset_range": IntegerRange(0, 2)}, "Offset must be within [0, 2], not [4, 4]"),
        (
            {"output_range": IntegerRange(1, 5)},
            "Output range must hold 0, which pads the last of 3 channels in beats of 2, not [1, 5]",
        ),
        (
            {"multiplier": 1 << 60},
            "Product plus offset must fit 62 bits, not 68",
        ),
    ],
)
def test_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        RequantizeConfig(**{**FIELDS, **change})
    assert str(error.value) == message


def test_pack_refuses_what_is_out_of_range() -> None:
    config = RequantizeConfig(**FIELDS, reloadable=True)
    with pytest.raises(ValueError, match=r"^Multiplier must be within \[1, 3\], not \[1, 4\]$"):
        config.pack([1, 4, 2], 4)
