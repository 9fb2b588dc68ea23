"""Designs are open as long as nothing that was evaluated is surely as good."""

from __future__ import annotations

import numpy as np
import pytest

from sterna_flows.exploration.open_designs import OpenDesigns, Settled

NAMES = ["fast", "middle", "slow", "huge"]
PACES = np.array([10, 100, 1000, 5])
SUMS = np.array([[0.5, 0.2], [0.2, 0.1], [0.05, 0.0], [0.9, 0.95]])
DESIGNS = OpenDesigns(NAMES, PACES, SUMS)


def settled(interval: int, *shares: float, besides: float = 0.0) -> Settled:
    return Settled(interval, np.array(shares), np.array(shares) - besides)


@pytest.mark.parametrize(
    ("known", "chosen"),
    [
        ([], {"fast", "middle", "slow", "huge"}),
        # Equal in everything is enough.
        ([settled(100, 0.2, 0.1)], {"fast", "slow", "huge"}),
        ([settled(10, 0.04, 0.0)], {"huge"}),
        # One that takes a little more, or is slower by one cycle, settles nothing.
        ([settled(100, 0.201, 0.1)], {"fast", "middle", "slow", "huge"}),
        ([settled(101, 0.2, 0.1)], {"fast", "middle", "slow", "huge"}),
        # What stands besides layers is at least 0.8 of 0.07, so the largest no more fits.
        ([settled(100, 0.24, 0.15, besides=0.07)], {"fast", "slow"}),
        # The least of what was seen counts, by resource.
        (
            [settled(100, 0.24, 0.15, besides=0.07), settled(1000, 0.05, 0.1)],
            {"fast", "middle", "slow", "huge"},
        ),
    ],
)
def test_what_is_open(known: list[Settled], chosen: set[str]) -> None:
    assert set(DESIGNS.choose(known, 4)) == chosen


def test_the_farthest_comes_first_and_none_twice() -> None:
    near = settled(11, 0.49, 0.2)
    assert DESIGNS.choose([near], 1) == ["slow"]
    assert DESIGNS.choose([near], 1, {"slow"}) == ["middle"]
    assert "slow" not in DESIGNS.choose([near], 4, {"slow"})


@pytest.mark.parametrize("seed", range(5), ids=lambda seed: f"seed{seed}")
def test_open_is_what_no_settled_one_dominates(seed: int) -> None:
    """With nothing besides the layers, by the definition."""
    rng = np.random.default_rng(seed)
    paces, sums = rng.integers(1, 1000, 60), rng.uniform(0, 1, (60, 3))
    known = [
        settled(int(pace), *shares)
        for pace, shares in zip(rng.integers(1, 1000, 8), rng.uniform(0, 0.7, (8, 3)))
    ]
    designs = OpenDesigns([str(number) for number in range(60)], paces, sums)
    dominated = {
        str(number)
        for number in range(60)
        if any(
            item.interval <= paces[number] and (item.shares <= sums[number]).all() for item in known
        )
    }
    # One design may settle another one, at best, so they are asked for one by one.
    open_now, asked = set(), set()
    while name := designs.choose(known, 1, asked):
        asked.update(name)
        open_now.update(name)
    assert open_now == {str(number) for number in range(60)} - dominated
    assert 0 < len(open_now) < 60
