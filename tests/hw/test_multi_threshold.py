"""Thresholds: hand cases, all shapes of tables, exact cycles, reload, Verilog, errors."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange, find_device
from sterna_hw.multi_threshold import MultiThresholdConfig

from .part_checks import PROFILE_NAMES, check_part, output_frames, random_frames, run_reloaded

WIDE = IntegerRange(-100, 90)


def random_config(seed: int, **fields: Any) -> MultiThresholdConfig:
    generator = random.Random(seed)
    channels, count = generator.randrange(1, 13), generator.randrange(1, 7)
    values = IntegerRange(generator.choice([0, -60]), generator.randrange(1, 70))
    threshold_count = generator.choice([1, 2, 3, 5, 7, 15, 20])
    thresholds = np.random.default_rng(seed).integers(
        values.low - 5, values.high + 7, (channels, threshold_count)
    )
    if generator.random() < 0.2:
        thresholds[:] = thresholds[0]
    flags = [generator.random() < 0.5 for _ in range(channels)]
    fields.setdefault("reloadable", generator.random() < 0.4)
    return MultiThresholdConfig(
        channels,
        count,
        values,
        np.sort(thresholds, axis=1),
        generator.choice([False, True, flags]),
        generator.choice([0, 0, -1, -8, 3]),
        generator.choice([1, 1, 2, 3]),
        distributed_rows=generator.choice([4, 64]),
        **fields,
    )


@pytest.mark.parametrize(
    ("thresholds", "fields", "values", "outputs"),
    [
        ([[0]], {}, [-100, -1, 0, 1, 90], [0, 0, 1, 1, 1]),
        ([[0]], {"low": -1, "step": 2}, [-1, 0], [-1, 1]),  # a binary activation
        ([[0]], {"low": -1, "step": 2, "descending": True}, [-1, 0], [1, -1]),
        ([[5, 5, 5]], {}, [4, 5], [0, 3]),  # thresholds may coincide
        ([[-100, 91]], {}, [-100, 90], [1, 1]),  # always and never
        ([[-7, 0, 7]], {"descending": True}, [-8, -7, 0, 7], [3, 2, 1, 0]),
        ([[-7, 0, 7, 8]], {"descending": True, "low": -2}, [-8, -7, 0, 7, 8], [2, 1, 0, -1, -2]),
    ],
)
def test_by_hand(thresholds: Any, fields: Any, values: list[int], outputs: list[int]) -> None:
    config = MultiThresholdConfig(1, 1, WIDE, thresholds, **fields)
    frames = np.array(values)[:, np.newaxis]
    assert config.compute(frames)[:, 0].tolist() == outputs
    check_part(config, frames, 0)


@pytest.mark.parametrize("seed", range(48), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    config = random_config(seed)
    check_part(config, random_frames(config, 6, seed), seed)


@pytest.mark.parametrize("threshold_count", [1, 2, 15, 16, 63, 255])
def test_any_number_of_thresholds(threshold_count: int) -> None:
    # Every value of the range, against a count that knows nothing of trees.
    values = IntegerRange(-130, 129)
    thresholds = np.sort(
        np.random.default_rng(threshold_count).integers(-132, 133, (2, threshold_count)), axis=1
    )
    config = MultiThresholdConfig(2, 1, values, thresholds)
    frames = np.arange(values.low, values.high + 1).reshape(-1, 2)
    plain = (frames[:, :, np.newaxis] >= thresholds).sum(axis=2)
    np.testing.assert_array_equal(config.compute(frames), plain)
    check_part(config, frames, threshold_count)


def test_comparators_grow_with_the_logarithm() -> None:
    thresholds = np.arange(15)[np.newaxis]
    config = MultiThresholdConfig(1, 1, WIDE, thresholds)
    assert config.level_count == 4
    assert config.timing().initial == {"places": config.pipeline_latency + 2}


@pytest.mark.parametrize("width", range(2, 6))
def test_threshold_above_a_full_range_is_kept(width: int) -> None:
    # The smallest number that no value reaches needs one bit more than the values.
    values = IntegerRange.of_width(width, signed=True)
    config = MultiThresholdConfig(1, 1, values, [[values.high, values.high + 1]], reloadable=True)
    assert config.threshold_range.width == width + 1
    frames = np.arange(values.low, values.high + 1)[:, np.newaxis]
    check_part(config, frames, 1)


@pytest.mark.parametrize("seed", range(12), ids=lambda seed: f"seed{seed}")
def test_reload(seed: int) -> None:
    config = random_config(seed, reloadable=True)
    generator = np.random.default_rng(seed)
    shape = (config.channels, config.threshold_count)
    thresholds = np.sort(generator.integers(-70, 70, shape), axis=1)
    flags = generator.random(config.channels) < 0.5
    new = dataclasses.replace(config, thresholds=thresholds, descending=flags)
    rows = config.pack(thresholds, flags)
    assert len(rows) == config.row_count
    assert max(rows).bit_length() <= config.row_width
    frames = random_frames(config, 4, seed)
    run = run_reloaded(config, rows, frames, seed, PROFILE_NAMES[seed % len(PROFILE_NAMES)])
    np.testing.assert_array_equal(output_frames(config, run), new.compute(frames))


def test_contents_at_start_are_what_pack_makes() -> None:
    config = random_config(3, reloadable=True)
    rows = config.pack(np.array(config.thresholds), np.array(config.descending))
    width = config.threshold_range.width
    for number, row in enumerate(rows):
        beat, entry = divmod(number, 1 << config.level_count)
        lanes = [(row >> (lane * width)) & ((1 << width) - 1) for lane in range(config.count)]
        expected = config.heap[beat, :, entry] & ((1 << width) - 1)
        assert lanes == expected.tolist()


FIELDS = {
    "channels": 2,
    "count": 1,
    "input_range": WIDE,
    "thresholds": [[0, 1, 2], [3, 4, 4]],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 0}, "Channels must be 1 or more, not 0"),
        ({"count": 0}, "Count must be 1 or more, not 0"),
        ({"step": 0}, "Step must be 1 or more, not 0"),
        (
            {"channels": 3},
            "Thresholds must have one row for each of 3 channels, not shape (2, 3)",
        ),
        (
            {"thresholds": [1, 2]},
            "Thresholds must have one row for each of 2 channels, not shape (2,)",
        ),
        ({"thresholds": [[], []]}, "Thresholds must be 1 to 255 a channel, not 0"),
        (
            {"thresholds": np.zeros((2, 256))},
            "Thresholds must be 1 to 255 a channel, not 256",
        ),
        (
            {"thresholds": [[0, 1, 2], [3, 5, 4]]},
            "Thresholds of channel 1 must not decrease, not 5 before 4",
        ),
        (
            {"descending": [True, False, True]},
            "Descending must be one flag, or one for each of 2 channels, not 3",
        ),
    ],
)
def test_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        MultiThresholdConfig(**{**FIELDS, **change})
    assert str(error.value) == message


def test_pack_refuses_another_number_of_thresholds() -> None:
    config = MultiThresholdConfig(**FIELDS, reloadable=True)
    with pytest.raises(ValueError, match=r"^Thresholds must be 3 a channel, not 2$"):
        config.pack(np.zeros((2, 2)))


def test_cost_counts_tables_only_where_there_are_any() -> None:
    device = find_device("ecp5-85k")
    thresholds = np.sort(np.random.default_rng(0).integers(-90, 90, (512, 15)), axis=1)
    fields = {"channels": 512, "count": 4, "input_range": WIDE}
    per_channel = MultiThresholdConfig(thresholds=thresholds, **fields).cost(device)
    uniform = MultiThresholdConfig(thresholds=thresholds[:1].repeat(512, 0), **fields).cost(device)
    assert per_channel.bram > 0 and uniform.bram == 0
