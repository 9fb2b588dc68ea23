"""Weighted sums of streams: results, exact cycles, stalls."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna_hw.add_streams import AddStreamsConfig, signed_powers
from sterna_hw.base import IntegerRange

from .part_checks import check_ports

NIBBLE = IntegerRange(-8, 7)
RANGES = [NIBBLE, IntegerRange(0, 15), IntegerRange(-1, 1), IntegerRange(3, 9)]


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    branches = generator.randint(1, 3)
    ranges = tuple(generator.choice(RANGES) for _ in range(branches))
    factors = tuple(generator.choice([1, 1, 2, -1, 3, -6, 11, 23]) for _ in range(branches))
    config = AddStreamsConfig(generator.randint(1, 9), ranges, factors, generator.randint(1, 4))
    numbers = np.random.default_rng(seed)
    frames = {
        port: numbers.integers(values.low, values.high + 1, (9, config.elements))
        for port, values in zip(config.inputs, ranges)
    }
    expected = sum(a * x for a, x in zip(factors, frames.values()))
    np.testing.assert_array_equal(config.compute(*frames.values()), expected)
    check_ports(config, frames, {"o": config.compute(*frames.values())}, seed)


def test_by_hand() -> None:
    config = AddStreamsConfig(2, (NIBBLE, NIBBLE), (1, -3), 2)
    sums = config.compute(np.array([[1, -8]]), np.array([[2, 7]]))
    assert sums.tolist() == [[-5, -29]]
    assert config.output_range == IntegerRange(-8 - 21, 7 + 24)
    # x + (y - 4 y): three terms, two levels.
    assert config.latency == 2


@pytest.mark.parametrize("factor", [1, 2, 3, 7, 12, 23, -1, -6, -255, 1000])
def test_factors_are_sums_of_few_powers(factor: int) -> None:
    terms = signed_powers(factor)
    assert sum(sign << shift for shift, sign in terms) == factor
    shifts = [shift for shift, _ in terms]
    assert all(later - earlier > 1 for earlier, later in zip(shifts, shifts[1:]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elements": 0}, "Elements must be 1 or more, not 0"),
        ({"count": 0}, "Count must be 1 or more, not 0"),
        ({"factors": (1,)}, "Factors must be one for each of 2 inputs"),
        ({"factors": (1, 0)}, "Factors must not be 0"),
    ],
)
def test_refuses(change: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {"elements": 1, "count": 1, "factors": (1, 1), **change}
    with pytest.raises(ValueError) as error:
        AddStreamsConfig(ranges=(NIBBLE, NIBBLE), **fields)
    assert str(error.value) == message
