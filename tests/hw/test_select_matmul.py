"""The select-and-add engine against a plain matrix product, as the table engine is."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.base import BINARY, SHIFTS, TERNARY, TWO_BIT, Alphabet, IntegerRange
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_sim.stalls import PROFILES

from .engine_bench import (
    check_engine,
    frame_interval,
    plain_product,
    random_activations,
    random_problem,
    random_weights,
    result_frames,
    run_engine,
)


def random_config(seed: int) -> SelectMatmulConfig:
    generator = random.Random(seed)
    problem = random_problem(generator)
    block = generator.randint(1, min(problem["inputs"], 7))
    return SelectMatmulConfig(**problem, block_inputs=block)


def small(**fields) -> SelectMatmulConfig:
    values = {
        "inputs": 7,
        "outputs": 5,
        "input_range": IntegerRange(-8, 7),
        "alphabet": TERNARY,
        "block_inputs": 3,
        "queries": 2,
    }
    return SelectMatmulConfig(**{**values, **fields})


@pytest.mark.parametrize("seed", range(40), ids=lambda seed: f"seed{seed}")
def test_random_configuration(seed):
    check_engine(random_config(seed), seed)


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": 1, "outputs": 1, "block_inputs": 1, "queries": 1},
        {"block_inputs": 7},
        {"outputs": 2},
        {"outputs": 4, "planes": 2},
        {"outputs": 15, "queries": 1, "tile_depth": 4},
        {"alphabet": SHIFTS, "lanes": 2},
        {"alphabet": BINARY, "outputs": 7, "queries": 4},
        {"alphabet": TWO_BIT, "places": 1},
    ],
    ids=[
        "one-weight",
        "one-block",
        "one-output-block",
        "two",
        "long-line",
        "shifts",
        "binary",
        "place",
    ],
)
def test_corner(fields):
    check_engine(small(**fields), seed=9)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_stall_profile(profile):
    config = small(lanes=2)
    weights = random_weights(config, 1)
    activations = random_activations(config, 5, 1)
    run = run_engine(config, activations, weights, profile, seed=1)
    expected = plain_product(activations, weights)
    np.testing.assert_array_equal(result_frames(config, run.payloads()), expected)


def test_one_beat_of_weights_a_cycle():
    config = small(planes=2)
    assert frame_interval(config) == config.row_count == 3 * 3 * 2


def test_pack_by_hand():
    """Code of the magnitude, the sign above it, relative to the leaf that the tree adds it to."""
    config = small(inputs=4, outputs=1, block_inputs=4, queries=1, alphabet=SHIFTS)
    rows = config.pack(np.array([[-1, -4, 0, 2]]))
    # Signs 1 1 0 0 become 1, 1^1, 0^1, 0^0.
    assert rows.tolist() == [[0b101, 0b011, 0b100, 0b010]]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"block_inputs": 0}, "Block inputs must be 1 to the 7 inputs, not 0"),
        ({"block_inputs": 8}, "Block inputs must be 1 to the 7 inputs, not 8"),
        (
            {"alphabet": Alphabet("threes", (-3, 0, 3))},
            "Alphabet must hold only zero and powers of two to be selected from, not (-3, 0, 3)",
        ),
        ({"queries": 0}, "Queries must be 1 or more, not 0"),
    ],
    ids=["none", "many", "letters", "queries"],
)
def test_refusals(fields, text):
    with pytest.raises(ValueError) as caught:
        small(**fields)
    assert str(caught.value) == text
