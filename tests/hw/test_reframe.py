"""Other marks on the same beats: both directions, exact cycles, stalls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import IntegerRange
from sterna_hw.reframe import ReframeConfig
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import frames_to_payloads

from .part_checks import PROFILE_NAMES, assert_cycles, output_frames

NIBBLE = IntegerRange(-8, 7)


@pytest.mark.parametrize("sizes", [(12, 3, 3), (3, 12, 3), (4, 4, 2), (8, 1, 1), (2, 8, 1)])
@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_vectors(sizes: tuple[int, int, int], profile: str) -> None:
    inputs, outputs, count = sizes
    config = ReframeConfig(inputs, outputs, NIBBLE, count)
    frames = np.random.default_rng(inputs).integers(-8, 8, (24 // inputs * 2, inputs))
    beats = frames_to_payloads(frames, NIBBLE, count)
    run = run_part(config.create(), {"i": beats}, {"o": len(beats)}, profile, 3)
    np.testing.assert_array_equal(output_frames(config, run), config.compute(frames))
    if profile == "none":
        assert_cycles(config.timing(), run)


def test_a_beat_takes_a_cycle() -> None:
    timing = ReframeConfig(2, 8, NIBBLE, 1).timing()
    times = simulate_network(Network({"part": timing}, []), 6).transfers
    assert times["part", "o"].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": 0}, "Inputs must be 1 or more, not 0"),
        ({"count": 0}, "Count must be 1 or more, not 0"),
        ({"outputs": 5}, "Longer vectors must be a multiple of 4 elements, not 5"),
        ({"outputs": 12, "count": 3}, "Shorter vectors must be a multiple of 3, not 4"),
    ],
)
def test_refuses(changes: dict[str, int], message: str) -> None:
    fields: dict[str, Any] = {"inputs": 4, "outputs": 8, "count": 1, **changes}
    with pytest.raises(ValueError, match=message):
        ReframeConfig(input_range=NIBBLE, **fields)
