"""Results from sums and factors: the plain rule of the numerics, for sums of every size."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.decoder.head_results import RESULT, HeadResultsConfig
from sterna_hw.decoder.reciprocal import ReciprocalConfig


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_compute(seed: int) -> None:
    rng = random.Random(seed)
    context = rng.choice([1, 5, 300, 4096])
    largest = 65535 * context
    config = HeadResultsConfig(4, 2, 8, IntegerRange(-128 * largest, 128 * largest))
    totals = [65535, largest, rng.randint(65535, largest), rng.randint(65535, largest)]
    sums = [
        [rng.randint(-127 * t, 127 * t) for _ in range(30)] + [127 * t, -127 * t] for t in totals
    ]
    factors, are_large = ReciprocalConfig(largest).compute(np.array(totals))
    found = config.compute(np.array(sums), factors, are_large)
    for head, total in enumerate(totals):
        n = total.bit_length()
        aligned = total >> (n - 17) if n >= 17 else total << (17 - n)
        reciprocal = min(2**32 // aligned, 65535)
        told = [(o * reciprocal + 2 ** (n - 2)) >> (n - 1) for o in sums[head]]
        assert found[head].tolist() == told
        assert RESULT.contains(found[head])


def test_beats_follow_the_slower_of_factors_and_reads() -> None:
    config = HeadResultsConfig(3, 2, 8, IntegerRange(-1000, 1000))
    assert config.beat_cycles(10, [3, 4, 30]) == [19, 20, 21, 22, 23, 24, 25, 26, 38, 39, 40, 41]
