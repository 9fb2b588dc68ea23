"""Factors of sums of weights: exact for every width, and when they come."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.decoder.reciprocal import CYCLES, SHIFTS, ReciprocalConfig

from .cycle_bench import play

LARGEST = (65535, 65535 * 3, 65535 * 600, 65535 * 65536)


def totals(largest: int, seed: int) -> list[int]:
    """Ends of all widths and of their inner order, and random ones."""
    rng = random.Random(seed)
    edges = {65535, largest}
    for bits in range(16, 33):
        edges |= {(1 << bits) - 1, 1 << bits, (1 << bits) + 1, 3 << bits - 1, (1 << bits) + 65535}
    found = [total for total in sorted(edges) if 65535 <= total <= largest]
    return found + [rng.randint(65535, largest) for _ in range(10)]


def told(total: int, o: int) -> int:
    """The result of a sum o, as the numerics tell it."""
    n = total.bit_length()
    aligned = total >> (n - 17) if n >= 17 else total << (17 - n)
    return (o * min(2**32 // aligned, 65535) + 2 ** (n - 2)) >> (n - 1)


@pytest.mark.parametrize("largest", LARGEST)
def test_results_are_those_of_the_plain_rule(largest: int) -> None:
    config = ReciprocalConfig(largest)
    rng = random.Random(largest)
    cases = totals(largest, 1)
    for total, factor, is_large in zip(cases, *config.compute(np.array(cases))):
        shift = SHIFTS[bool(is_large)]
        for o in (0, 1, -1, 127 * total, -127 * total, rng.randint(-127 * total, 127 * total)):
            assert (o * int(factor) + (1 << shift - 1)) >> shift == told(total, o)


@pytest.mark.parametrize("largest", LARGEST)
def test_division(largest: int) -> None:
    config = ReciprocalConfig(largest)
    cases = totals(largest, 2)
    rows: list[dict[str, int]] = []
    for total in cases:
        rows += [{"start": 1, "total": total}] + [{}] * (CYCLES - 2)
    rows += [{}] * 3
    seen = play(config.create(), rows, ["done", "busy", "factor", "is_large"], 3)
    done = [(cycle, now) for cycle, now in enumerate(seen) if now["done"]]
    assert [cycle for cycle, _ in done] == [
        number * (CYCLES - 1) + CYCLES for number in range(len(cases))
    ]
    factors, are_large = config.compute(np.array(cases))
    assert [now["factor"] for _, now in done] == factors.tolist()
    assert [bool(now["is_large"]) for _, now in done] == are_large.tolist()
    assert not any(seen[number * (CYCLES - 1)]["busy"] for number in range(len(cases)))


@pytest.mark.parametrize("largest", [65534, 1 << 32])
def test_errors(largest: int) -> None:
    with pytest.raises(ValueError) as error:
        ReciprocalConfig(largest)
    assert str(error.value) == f"Largest sum must be from 65535 to 2**32 - 1, not {largest}"
