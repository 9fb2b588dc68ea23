"""What the engines share: ranges, padding of letters, and how many places a queue needs."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import BINARY, TERNARY, IntegerRange
from sterna_hw.select_matmul import SelectMatmulConfig

from .engine_bench import random_problem


def small(**fields) -> SelectMatmulConfig:
    values = {"inputs": 3, "outputs": 2, "input_range": IntegerRange(-2, 3), "alphabet": TERNARY}
    return SelectMatmulConfig(**{**values, **fields})


@pytest.mark.parametrize("bounds", [(-2, 3), (0, 3), (1, 2), (-3, -1)], ids=str)
def test_range_of_sums_is_tight(bounds):
    """Over all inputs, zero as padding among them: no result outside, both ends reached."""
    values = IntegerRange(*bounds)
    weights = np.array([[1, -1, 2], [0, 1, 1]])
    proven = IntegerRange.of_sums(weights, values)
    span = range(values.with_zero().low, values.with_zero().high + 1)
    results = [weights @ np.array(x) for x in itertools.product(span, repeat=3)]
    assert proven == IntegerRange.of_values(np.array(results))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (-9, 9)),
        ({"input_range": IntegerRange(0, 3)}, (-9, 9)),
        ({"planes": 2}, (-36, 36)),
        ({"alphabet": BINARY, "input_range": IntegerRange(2, 3)}, (-9, 9)),
        ({"accumulator_range": IntegerRange(-4, 5)}, (-4, 5)),
    ],
    ids=["ternary", "unsigned", "planes", "binary", "given"],
)
def test_result_range(fields, expected):
    assert small(**fields).result_range == IntegerRange(*expected)


def test_letters_are_padded_to_whole_blocks():
    config = small(alphabet=BINARY, outputs=3, queries=2, block_inputs=2)
    letters = config.letters(np.ones((3, 3), int))
    assert letters.shape == (1, 4, 4)
    assert letters[0, :3, :3].all()
    assert (letters[0, 3] == -1).all() and (letters[0, :, 3] == -1).all()


def gaps(config: SelectMatmulConfig, frames: int = 20) -> list[int]:
    """Cycles between the beats of weights, by the timing."""
    offered = {
        ("engine", "i"): frames * config.input_blocks,
        ("engine", "weights"): frames * config.row_count,
    }
    network = Network({"engine": config.timing()}, [])
    return np.diff(simulate_network(network, offered).transfers["engine", "weights"]).tolist()


@pytest.mark.parametrize("seed", range(30), ids=lambda seed: f"seed{seed}")
def test_default_places_are_the_fewest_that_never_hold_up(seed):
    """By the timing: a beat of weights in every cycle, and a gap with one place fewer."""
    generator = random.Random(seed)
    problem = {**random_problem(generator), "places": 0}
    config = SelectMatmulConfig(**problem, block_inputs=generator.randint(1, problem["inputs"]))
    fewest = config.places_needed
    assert set(gaps(config)) == {1}
    if fewest > 1:
        assert max(gaps(replace(config, places=fewest - 1))) > 1


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_runs_are_the_beats_one_by_one(seed):
    config = SelectMatmulConfig(**random_problem(random.Random(seed)))
    beats = config.output_blocks * config.planes
    flat = [run[:3] for run in config.beat_runs() for _ in range(run[3])]
    assert len(flat) == config.row_count
    for row, run in enumerate(flat):
        block, beat = divmod(row, beats)
        is_result = block == config.input_blocks - 1 and (beat + 1) % config.planes == 0
        assert run == (beat == 0, beat == beats - 1, is_result)
