"""The table engine against a plain matrix product: data, cycles, stalls, resets, refusals."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.base import BINARY, DEVICES, SHIFTS, TERNARY, TWO_BIT, IntegerRange
from sterna_hw.table_matmul import TableMatmulConfig
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


def random_config(seed: int) -> TableMatmulConfig:
    generator = random.Random(seed)
    problem = random_problem(generator)
    most = {SHIFTS: 2, TWO_BIT: 3}.get(problem["alphabet"], 4)
    group = generator.randint(1, most)
    tables = generator.randint(1, min(5, -(-problem["inputs"] // group)))
    fold = problem["alphabet"].symmetric and generator.random() < 0.6
    buffers = generator.randint(1, 2)
    return TableMatmulConfig(**problem, group=group, tables=tables, sign_fold=fold, buffers=buffers)


def small(**fields) -> TableMatmulConfig:
    values = {
        "inputs": 7,
        "outputs": 5,
        "input_range": IntegerRange(-8, 7),
        "alphabet": TERNARY,
        "group": 2,
        "tables": 2,
        "queries": 2,
    }
    return TableMatmulConfig(**{**values, **fields})


@pytest.mark.parametrize("seed", range(44), ids=lambda seed: f"seed{seed}")
def test_random_configuration(seed):
    check_engine(random_config(seed), seed)


CORNERS = {
    "one-weight": {"inputs": 1, "outputs": 1, "group": 1, "tables": 1, "queries": 1},
    "one-weight-folded-binary": {
        "inputs": 1,
        "outputs": 1,
        "group": 1,
        "tables": 1,
        "queries": 1,
        "alphabet": BINARY,
        "sign_fold": True,
    },
    "group-wider-than-inputs": {"inputs": 2, "group": 3, "tables": 1},
    "one-input-block": {"inputs": 4, "group": 2, "tables": 2},
    "one-output-block": {"outputs": 3, "queries": 3, "sign_fold": True},
    "two-output-blocks": {"outputs": 4, "queries": 2, "sign_fold": True},
    "two-output-blocks-in-planes": {"outputs": 4, "queries": 2, "planes": 3},
    "three-output-blocks": {"outputs": 6, "queries": 2, "planes": 1},
    "line-of-tiles": {"outputs": 23, "queries": 2, "tile_depth": 4},
    "line-of-tiles-in-planes": {
        "outputs": 8,
        "queries": 2,
        "tile_depth": 2,
        "planes": 2,
    },
    "int8-weights": {"planes": 6, "outputs": 3, "queries": 1},
    "two-buffers-fill-bound": {"buffers": 2, "group": 3, "outputs": 2, "sign_fold": True},
    "two-buffers-look-up-bound": {"buffers": 2, "group": 1, "outputs": 9, "queries": 1},
    "lanes-share-indices": {"lanes": 3, "sign_fold": True, "buffers": 2},
    "one-place": {"places": 1},
}


@pytest.mark.parametrize("name", CORNERS)
def test_corner(name):
    check_engine(small(**CORNERS[name]), seed=7)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("buffers", [1, 2])
def test_every_stall_profile(profile, buffers):
    config = small(buffers=buffers, sign_fold=True, lanes=2)
    weights = random_weights(config, 1)
    activations = random_activations(config, 5, 1)
    run = run_engine(config, activations, weights, profile, seed=1)
    expected = plain_product(activations, weights)
    np.testing.assert_array_equal(result_frames(config, run.payloads()), expected)


@pytest.mark.parametrize("reset_at", [1, 2, 3, 5, 8, 13, 16, 17, 18, 19, 20, 31])
def test_reset_in_mid_frame(reset_at):
    config = small(inputs=9, outputs=7, sign_fold=True, buffers=2)
    weights = random_weights(config, 3)
    activations = random_activations(config, 2, 3)
    run = run_engine(config, activations, weights, "bursts", seed=3, reset_at=reset_at)
    expected = plain_product(activations, weights)
    np.testing.assert_array_equal(result_frames(config, run.payloads()), expected)


@pytest.mark.parametrize("fold", [False, True], ids=["full", "fold"])
def test_range_of_the_weights_is_enough(fold):
    """With the proven range of these weights, extreme inputs come out right although sums wrap."""
    weights = np.array([[1, 1, 1, 0, 0, 0, 0], [-1, 0, 0, 0, 0, 0, 0], [1, -1, 0, 0, 0, 0, 0]])
    proven = IntegerRange.of_sums(weights, IntegerRange(-8, 7))
    config = small(outputs=3, queries=1, sign_fold=fold, accumulator_range=proven)
    assert config.result_range == IntegerRange(-24, 21)
    corners = np.where(np.arange(128)[:, None] >> np.arange(7) & 1, 7, -8)[:, None]
    run = run_engine(config, corners, weights)
    expected = plain_product(corners, weights)
    np.testing.assert_array_equal(result_frames(config, run.payloads()), expected)


def test_a_planted_wrong_weight_shows():
    """The bench can fail: one letter changed in the packed rows changes the results."""
    config = small()
    weights = random_weights(config, 5)
    wrong = weights.copy()
    wrong[2, 3] = 1 if weights[2, 3] != 1 else -1
    activations = random_activations(config, 3, 5)
    activations[:, :, 3] = 5
    run = run_engine(config, activations, wrong)
    expected = plain_product(activations, weights)
    differs = result_frames(config, run.payloads()) != expected
    assert differs[:, :, 2].all()
    assert not np.delete(differs, 2, axis=2).any()


@pytest.mark.parametrize(
    ("fields", "interval"),
    [
        # 2 blocks of 3 output blocks; 5 written steps: look-ups + steps + 2 with one buffer.
        ({"sign_fold": True}, 2 * (3 + 5 + 2)),
        ({"sign_fold": True, "buffers": 2}, 2 * 5),
        ({"sign_fold": True, "buffers": 2, "outputs": 16}, 2 * 8),
        ({"sign_fold": True, "buffers": 2, "outputs": 16, "planes": 2}, 2 * 16),
        # Binary warms up for 2 steps, hidden behind the look-ups of the block before.
        ({"alphabet": BINARY}, 2 * (3 + 4 + 2)),
    ],
    ids=["one-buffer", "fill-bound", "look-up-bound", "planes", "warm-up-hidden"],
)
def test_interval_by_hand(fields, interval):
    assert frame_interval(small(**fields)) == interval


def test_frames_follow_without_a_bubble():
    """Bound by look-ups, with two buffers: a beat of weights in every cycle, from the first on."""
    config = small(buffers=2, sign_fold=True, outputs=16)
    run = run_engine(config, random_activations(config, 4, 2), random_weights(config, 2))
    taken = run.cycles("weights")
    assert taken == list(range(taken[0], taken[0] + len(taken)))


def test_pack_by_hand():
    """Two ternary tables of one input, folded: entries 0 and x, signs relative in table 1."""
    config = small(inputs=2, outputs=2, group=1, tables=2, queries=1, sign_fold=True)
    rows = config.pack(np.array([[1, -1], [-1, -1]]))
    assert rows.tolist() == [[0b01, 0b11], [0b11, 0b01]]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"inputs": 0}, "Inputs must be 1 or more, not 0"),
        ({"lanes": 0}, "Lanes must be 1 or more, not 0"),
        ({"queries": 6}, "Queries must be at most the 5 outputs, not 6"),
        ({"tables": 5}, "Tables must be 1 to 4, which cover the inputs, not 5"),
        ({"tables": 0}, "Tables must be 1 to 4, which cover the inputs, not 0"),
        ({"group": 0}, "Group must be 1 to 7 with 3 letters, not 0"),
        ({"buffers": 3}, "Buffers must be 1 or 2, not 3"),
        ({"places": -1}, "Places must be 0 or more, not -1"),
        (
            {"alphabet": TWO_BIT, "planes": 2},
            "Planes must be 1 unless the alphabet is ternary, not 2",
        ),
        (
            {"alphabet": TWO_BIT, "sign_fold": True},
            "Alphabet must hold the negative of each letter to fold signs, not (-2, -1, 0, 1)",
        ),
        ({"tile_depth": 0}, "Tile depth must be 1 or more, not 0"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_refusals(fields, text):
    with pytest.raises(ValueError) as caught:
        small(**fields)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("activations", "weights", "text"),
    [
        ((1, 7), (5, 6), "Weights must have the shape (5, 7), not (5, 6)"),
        ((1, 6), (5, 7), "Activations must have the shape (1, 1, 7), not (1, 6)"),
    ],
    ids=["weights", "activations"],
)
def test_wrong_shapes(activations, weights, text):
    with pytest.raises(ValueError) as caught:
        small().compute(np.zeros(activations, int), np.zeros(weights, int))
    assert str(caught.value) == text


def test_wrong_values():
    with pytest.raises(ValueError, match=r"Activations must be within \[-8, 7\]"):
        small().compute(np.full((1, 7), 8), np.zeros((5, 7), int))
    with pytest.raises(ValueError, match="Weights must be letters of ternary"):
        small().pack(np.full((5, 7), 2))


@pytest.mark.parametrize("device", DEVICES)
def test_cost_grows_with_the_engine(device):
    one, two = small().cost(DEVICES[device]), small(tables=4).cost(DEVICES[device])
    assert 0 < one.lut < two.lut
    assert 0 < one.ff < two.ff
