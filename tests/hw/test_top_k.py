"""The label stage: order, ties, tails, exact cycles."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.top_k import TopKConfig

from .part_checks import check_part, random_frames

SMALL = IntegerRange(-3, 3)


@pytest.mark.parametrize(
    ("frame", "k", "expected"),
    [
        ([1, 3, 3, -3], 1, [1, 3]),
        ([1, 3, 3, -3], 3, [1, 3, 2, 3, 0, 1]),
        ([-3, -3, -3, -3], 4, [0, -3, 1, -3, 2, -3, 3, -3]),
        ([-1, -2, -3, -1], 2, [0, -1, 3, -1]),
    ],
)
@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_by_hand(frame: list[int], k: int, expected: list[int], count: int) -> None:
    config = TopKConfig(4, count, SMALL, k)
    frames = np.array([frame, frame[::-1]])
    assert config.compute(frames)[0].tolist() == expected
    check_part(config, frames, seed=count)


@pytest.mark.parametrize("seed", range(50), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    elements = generator.randrange(1, 20)
    k = 1 if seed % 2 else generator.randrange(1, elements + 1)
    low = generator.choice([0, -2, -40])
    values = IntegerRange(low, generator.randrange(0, 9))
    config = TopKConfig(elements, generator.randrange(1, 9), values, k)
    check_part(config, random_frames(config, 5, seed), seed)


def test_padding_is_no_candidate() -> None:
    config = TopKConfig(5, 4, IntegerRange(-9, -1).with_zero(), 1)
    check_part(config, np.array([[-5, -4, -3, -6, -2], [-9, -9, -9, -9, -9]]), seed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, SMALL, 1), "Elements must be 1 or more, not 0"),
        ((4, 0, SMALL, 1), "Count must be 1 or more, not 0"),
        ((4, 2, SMALL, 5), "K must be 1 to the 4 elements, not 5"),
        ((4, 2, SMALL, 0), "K must be 1 to the 4 elements, not 0"),
    ],
)
def test_errors(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError) as error:
        TopKConfig(*arguments)
    assert str(error.value) == message
