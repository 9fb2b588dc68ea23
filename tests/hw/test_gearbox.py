"""The gearbox: every ratio, padded tails, one-beat frames, flushes; exact cycles and no bubbles."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.base import IntegerRange, find_device
from sterna_hw.gearbox import GearboxConfig

from .part_checks import check_part, random_frames, run_frames

BITS = IntegerRange(-2, 1)


@pytest.mark.parametrize(
    ("elements", "input_count", "output_count"),
    [
        (8, 2, 2),  # nothing to do
        (8, 4, 1),  # serial
        (7, 4, 2),  # narrowing, last beat half empty
        (5, 8, 4),  # less than one input beat
        (8, 1, 4),  # parallel
        (7, 2, 4),
        (3, 2, 8),  # less than one output beat
        (6, 3, 4),  # widening with a flush
        (10, 4, 6),
        (12, 6, 4),
        (9, 6, 4),  # the last window ends behind the frame
        (7, 5, 3),
        (1, 5, 3),
        (1, 3, 5),
        (11, 5, 1),
        (11, 1, 5),
        (35, 7, 5),
        (35, 5, 7),
        (20, 16, 3),
        (20, 3, 16),
    ],
)
def test_ratios(elements: int, input_count: int, output_count: int) -> None:
    config = GearboxConfig(elements, BITS, input_count, output_count)
    for seed in range(3):
        check_part(config, random_frames(config, 4, seed), seed)


@pytest.mark.parametrize("seed", range(60), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    low = generator.choice([0, -4])
    config = GearboxConfig(
        generator.randrange(1, 40),
        IntegerRange(low, generator.randrange(0, 9)),
        generator.randrange(1, 14),
        generator.randrange(1, 14),
    )
    check_part(config, random_frames(config, 5, seed), seed)


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed{seed}")
def test_rate_is_that_of_the_busier_end(seed: int) -> None:
    generator = random.Random(seed)
    config = GearboxConfig(
        generator.randrange(1, 60), BITS, generator.randrange(1, 20), generator.randrange(1, 20)
    )
    run = run_frames(config, random_frames(config, 6, seed), "none", seed)
    ends = run.cycles("o")[config.output_beats - 1 :: config.output_beats]
    assert set(np.diff(ends)) == {max(config.input_beats, config.output_beats)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, BITS, 1, 1), "Elements must be 1 or more, not 0"),
        ((4, BITS, 0, 1), "Input count must be 1 or more, not 0"),
        ((4, BITS, 1, -1), "Output count must be 1 or more, not -1"),
    ],
)
def test_errors(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError) as error:
        GearboxConfig(*arguments)
    assert str(error.value) == message


def test_unequal_sizes_cost_more_than_equal_ones() -> None:
    device = find_device("ecp5-85k")
    equal, odd = (GearboxConfig(64, BITS, 8, count).cost(device) for count in (8, 7))
    assert equal.lut < odd.lut
