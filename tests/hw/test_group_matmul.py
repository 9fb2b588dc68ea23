"""Grouped and depthwise convolution: results, exact cycles, stalls, what is refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import BINARY, SHIFTS, TERNARY, TWO_BIT, IntegerRange, find_device
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import frames_to_payloads, payloads_to_frames, rows_to_payloads
from sterna_sim.stalls import PROFILES

NAMES = list(PROFILES)


def random_config(seed: int) -> GroupMatmulConfig:
    generator = random.Random(seed)
    alphabet, planes = generator.choice(
        [(TERNARY, 1), (BINARY, 1), (TWO_BIT, 1), (SHIFTS, 1), (TERNARY, 2), (TERNARY, 3)]
    )
    groups, inside, each = (generator.choice([1, 2, 3, 4]) for _ in range(3))
    divisors = [n for n in range(1, groups + 1) if groups % n == 0]
    beat_groups = generator.choice(divisors)
    queries = beat_groups * each
    if beat_groups == 1:
        queries = generator.choice([n for n in range(1, each + 1) if each % n == 0])
    return GroupMatmulConfig(
        groups * inside,
        groups * each,
        groups,
        generator.randrange(1, 6),
        generator.choice([IntegerRange(-8, 7), IntegerRange(0, 15), IntegerRange(-1, 1)]),
        alphabet,
        planes,
        beat_groups,
        queries,
    )


def weights_and_frames(config: GroupMatmulConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    shape = (config.planes, config.outputs, config.leaf_count)
    letters = generator.choice(np.array(config.alphabet.values), shape)
    low, high = config.input_range.low, config.input_range.high
    frames = generator.integers(low, high + 1, (4, config.inputs))
    return config.alphabet.from_planes(letters), frames


def dense(config: GroupMatmulConfig, weights: np.ndarray) -> np.ndarray:
    """The matrix with zeros, for elements in the order of the stream."""
    matrix = np.zeros((config.outputs, config.inputs), dtype=np.int64)
    each = config.outputs // config.groups
    for output in range(config.outputs):
        beat, group = divmod(output // each, config.beat_groups)
        for tap in range(config.taps):
            for channel in range(config.inside):
                place = beat * config.input_count + tap * config.count
                place += group * config.inside + channel
                matrix[output, place] = weights[output, tap * config.inside + channel]
    return matrix


@pytest.mark.parametrize("seed", range(16), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    config = random_config(seed)
    weights, frames = weights_and_frames(config, seed)
    expected = frames @ dense(config, weights).T
    np.testing.assert_array_equal(config.compute(frames, weights), expected)
    rows = np.tile(config.pack(weights), (len(frames), 1))
    inputs = {
        "i": frames_to_payloads(frames, config.input_range, config.input_count),
        "weights": rows_to_payloads(rows, config.word_range, config.row_count),
    }
    count = len(frames) * config.outputs // config.queries
    for profile, reset_at in ((NAMES[seed % len(NAMES)], None), ("none", None), ("bursts", 13)):
        run = run_part(config.create(), inputs, {"o": count}, profile, seed, reset_at=reset_at)
        results = payloads_to_frames(
            run.payloads(), config.result_range, config.queries, config.outputs
        )
        np.testing.assert_array_equal(results, expected)
        if profile == "none":
            beats = {("part", port): len(payloads) for port, payloads in inputs.items()}
            times = simulate_network(Network({"part": config.timing()}, []), beats).transfers
            assert run.cycles("o") == times["part", "o"].tolist()
            assert run.taken["i"] == times["part", "i"].tolist()


def test_a_beat_takes_a_cycle_for_each_plane() -> None:
    config = GroupMatmulConfig(8, 8, 8, 9, IntegerRange(0, 15), TERNARY, 3, 4, 4)
    assert (config.beats, config.steps, config.timing().busy_cycles) == (2, 1, 6)
    cost = config.cost(find_device("ecp5-25k"))
    assert 0 < cost.lut < 20 * config.queries * config.taps * config.input_range.width


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"channels": 0}, "Channels must be 1 or more, not 0"),
        ({"channels": 5}, "Channels must be a multiple of 4 groups, not 5"),
        ({"outputs": 6}, "Outputs must be a multiple of 4 groups, not 6"),
        ({"beat_groups": 3}, "Beat groups must divide the 4 groups, not be 3"),
        ({"beat_groups": 2, "queries": 1}, "Queries must be 4 with 2 groups a beat, not 1"),
        ({"queries": 3}, "Queries must divide 2 with 1 groups a beat, not 3"),
        ({"planes": 0}, "Planes must be 1 or more, not 0"),
    ],
)
def test_refuses(fields: dict[str, Any], message: str) -> None:
    plain: dict[str, Any] = {"channels": 4, "outputs": 8, "groups": 4, "taps": 3}
    with pytest.raises(ValueError, match=message):
        GroupMatmulConfig(**{**plain, **fields}, input_range=IntegerRange(0, 3), alphabet=TERNARY)
