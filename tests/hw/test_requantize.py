"""Dyadic requantisation: rounding, clip, wide products, reload; exact cycles."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.base import IntegerRange, Rounding
from sterna_hw.requantize import RequantizeConfig
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import frames_to_payloads

from .part_checks import check_part, output_frames, random_frames

MODES = list(Rounding)


@pytest.mark.parametrize("rounding", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("clip", [IntegerRange(-100, 100), IntegerRange(-2, 3)])
def test_every_tie_by_hand(rounding: Rounding, clip: IntegerRange) -> None:
    config = RequantizeConfig(1, 1, IntegerRange(-16, 15), 1, 0, 2, rounding, clip)
    frames = np.arange(-16, 16)[:, np.newaxis]
    exact = {
        Rounding.FLOOR: lambda x: x // 4,
        Rounding.HALF_UP: lambda x: (x + 2) // 4,
        Rounding.HALF_EVEN: lambda x: round(x / 4),
    }[rounding]
    expected = [min(max(exact(int(x)), clip.low), clip.high) for x in frames[:, 0]]
    assert config.compute(frames)[:, 0].tolist() == expected
    check_part(config, frames, seed=1)


def random_config(seed: int) -> RequantizeConfig:
    generator = random.Random(seed)
    draw = np.random.default_rng(seed)
    channels = generator.randrange(1, 10)
    width = generator.choice([2, 8, 14, 20, 24])
    input_range = generator.choice(
        [IntegerRange.of_width(width, True), IntegerRange.of_width(width, False)]
    )
    top = 1 << generator.choice([1, 4, 12, 20, 30])
    multiplier = draw.integers(-top if generator.random() < 0.3 else 0, top + 1, channels)
    offset = draw.integers(-1000, 1000, channels)
    if generator.random() < 0.3:
        multiplier, offset = (
            np.int64(generator.choice([1, 1, 5])),
            np.int64(generator.choice([0, 7])),
        )
    low = generator.choice([0, -128, -(2**40)])
    return RequantizeConfig(
        channels,
        generator.randrange(1, channels + 2),
        input_range,
        multiplier,
        offset,
        generator.randrange(0, 20),
        generator.choice(MODES),
        IntegerRange(low, generator.choice([1, 127, 2**40])),
        reloadable=generator.random() < 0.3,
        style=generator.choice(["block", "distributed"]),
    )


@pytest.mark.parametrize("seed", range(50), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    config = random_config(seed)
    check_part(config, random_frames(config, 4, seed), seed)


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_loaded_parameters_take_effect(seed: int) -> None:
    draw = np.random.default_rng(seed)
    first, second = (draw.integers(-50, 50, (2, 7)) for _ in range(2))
    first[:, :2] = second[:, :2] = [[-50, 49], [-50, 49]]
    build = (7, 3, IntegerRange(-100, 100))
    rest = (4, Rounding.HALF_EVEN, IntegerRange(-128, 127))
    config = RequantizeConfig(*build, first[0], first[1], *rest, reloadable=True)
    other = RequantizeConfig(*build, second[0], second[1], *rest)
    frames = random_frames(config, 3, seed)
    rows = list(config.pack(second[0], second[1]))
    controls = {
        "load.enable": [1] * len(rows) + [0],
        "load.address": list(range(len(rows))),
        "load.data": rows,
    }
    beats = frames_to_payloads(frames, config.input_range, config.count)
    lead = frames_to_payloads(frames[:2], config.input_range, config.count)
    run = run_part(config.create(), {"i": lead + beats}, {"o": 3 * 5}, controls=controls)
    assert np.array_equal(output_frames(config, run)[2:], other.compute(frames))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 0}, "Channels must be 1 or more, not 0"),
        ({"shift": -1}, "Shift must be 0 to 62, not -1"),
        ({"multiplier": np.ones(3, int)}, "Multiplier must be one number or 2, not of shape (3,)"),
        ({"multiplier": 1 << 60}, "Sums must fit 62 bits, not 64"),
    ],
)
def test_errors(change: dict, message: str) -> None:
    fields: dict = {
        "channels": 2,
        "count": 1,
        "input_range": IntegerRange(-8, 7),
        "multiplier": 1,
        "offset": 0,
        "shift": 0,
        "rounding": Rounding.FLOOR,
        "output_range": IntegerRange(-8, 7),
    }
    with pytest.raises(ValueError) as error:
        RequantizeConfig(**(fields | change))
    assert str(error.value) == message
