"""The unrolled engine against a plain matrix product, for weights and inputs of any range."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from sterna_hw.base import IntegerRange, find_device
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig
from sterna_hw.verilog import emit
from sterna_sim.lint import lint
from sterna_sim.stalls import PROFILES

from .part_checks import assert_cycles, check_part, output_frames, random_frames, run_frames

RANGES = [(0, 1), (0, 3), (-8, 7), (0, 255), (-128, 127), (2, 5), (-3, -1), (-1, 1)]
LIMITS = [1, 1, 1, 7, 127]


def random_config(seed: int) -> UnrolledMatmulConfig:
    generator = np.random.default_rng(seed)
    limit = int(generator.choice(LIMITS))
    shape = (int(generator.integers(1, 9)), int(generator.integers(1, 13)))
    weights = generator.integers(-limit, limit + 1, shape)
    operands = int(generator.choice([2, 3]))
    return UnrolledMatmulConfig(
        weights,
        IntegerRange(*RANGES[int(generator.integers(len(RANGES)))]),
        levels=int(generator.integers(operands - 1, 5)),
        operands=operands,
        places=int(generator.choice([0, 0, 2])),
    )


def small(**fields) -> UnrolledMatmulConfig:
    values = {"weights": [[1, -1, 0, 1], [1, -1, 1, 0]], "input_range": IntegerRange(-8, 7)}
    return UnrolledMatmulConfig(**{**values, **fields})


@pytest.mark.parametrize("seed", range(14), ids=lambda seed: f"seed{seed}")
def test_random_configuration(seed):
    config = random_config(seed)
    frames = random_frames(config, 9, seed)
    np.testing.assert_array_equal(config.compute(frames), frames @ config.matrix.T)
    check_part(config, frames, seed)


@pytest.mark.parametrize("operands", [2, 3])
@pytest.mark.parametrize(
    "weights",
    [
        [[0, 0], [0, 0]],
        [[-1]],
        [[-1, -1, -1], [-1, -1, 0], [0, 0, -4]],
        [[1, 1, 1], [1, 1, 1], [-1, -1, -1]],
        [[2, 2], [8, 0], [-6, -6]],
        [[1, 64, 0], [1, 0, 1], [-128, 127, 85]],
    ],
    ids=["zero", "minus", "negative", "equal", "even", "far"],
)
def test_corner(weights, operands):
    config = small(weights=weights, operands=operands)
    frames = random_frames(config, 9, operands)
    np.testing.assert_array_equal(config.compute(frames), frames @ config.matrix.T)
    check_part(config, frames, operands)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_stall_profile(profile):
    config = random_config(5)
    frames = random_frames(config, 20, 5)
    run = run_frames(config, frames, profile, 5)
    np.testing.assert_array_equal(output_frames(config, run), frames @ config.matrix.T)


def test_a_vector_every_cycle():
    config = small()
    run = run_frames(config, random_frames(config, 12, 0), "none", 0)
    assert_cycles(config.timing(), run)
    # One cycle for the input's register, one for each stage, one for the queue.
    first = 2 + config.pipeline.plan.stages
    assert run.cycles("i") == list(range(12))
    assert run.cycles("o") == list(range(first, first + 12))


@pytest.mark.parametrize(("levels", "stages"), [(1, 4), (2, 2), (4, 1)])
def test_registers_after_so_many_levels(levels, stages):
    """Sixteen different coefficients that share nothing: four levels of adders."""
    weights = [[1, -1, 1, 1, -1, 1, 1, 1, -1, 1, -1, 1, 1, 1, -1, 1]]
    config = small(weights=weights, levels=levels)
    assert config.pipeline.plan.stages == stages
    assert len(config.pipeline.plan.adders) == 15


def test_no_adder_straddles_a_register():
    for levels in (2, 3, 5):
        generator = np.random.default_rng(levels)
        weights = generator.integers(-1, 2, (12, 24))
        plan = small(weights=weights, levels=levels, operands=3).pipeline.plan
        depth = [0] * plan.inputs
        for adder in plan.adders:
            same = (o.value for o in adder.operands if o.value is not None)
            before = max(
                (depth[value] for value in same if plan.stage_of(value) == adder.stage), default=0
            )
            depth.append(before + len(adder.operands) - 1)
            assert depth[-1] <= levels
            assert not all(operand.negative for operand in adder.operands)


def test_results_of_a_narrower_range():
    """Where the inputs are known to be few, results need no more bits than they have."""
    config = small(accumulator_range=IntegerRange(-4, 3))
    frames = np.random.default_rng(1).integers(-1, 2, (9, 4))
    check_part(config, frames, 1)


def test_lint_is_clean():
    config = small(weights=[[1, -1, 0, 1], [1, -1, 2, 0], [3, 0, 0, -1]], operands=3)
    assert [str(message) for message in lint(emit(config.create(), "engine"), "engine")] == []


def test_cost_follows_the_zeros():
    """Fewer weights that are not zero, fewer adders; ECP5 has no chain that adds three."""
    generator = np.random.default_rng(8)
    dense = generator.choice([-1, 1], (16, 16))
    sparse = dense * (generator.random((16, 16)) < 0.3)
    device = find_device("xck26")
    full, few = (small(weights=weights, operands=3).pipeline for weights in (dense, sparse))
    assert few.cost(device).lut < full.cost(device).lut / 2
    assert full.adder_luts(find_device("ecp5-85k")) > 2 * full.adder_luts(device)
    twos = small(weights=dense).pipeline
    assert full.adder_luts(device) < twos.adder_luts(device)


def test_solver_missing_is_told(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("da4ml"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match="Engine unrolled must find da4ml") as caught:
        _ = small(weights=[[1, -1, 1, 0, 1, 1]]).pipeline
    assert "pip install" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"weights": [1, 2]}, "Weights must be a matrix of whole numbers, not int64 (2,)"),
        ({"weights": [[0.5]]}, "Weights must be a matrix of whole numbers, not float64 (1, 1)"),
        ({"levels": 0}, "Levels must be 1 or more, not 0"),
        ({"levels": 1, "operands": 3}, "Levels must be 2 or more, not 1"),
        ({"operands": 4, "levels": 9}, "Operands must be 2 or 3, not 4"),
        ({"places": -1}, "Places must be 0 or more, not -1"),
    ],
    ids=["vector", "half", "none", "three", "four", "places"],
)
def test_refusals(fields, text):
    with pytest.raises(ValueError) as caught:
        small(**fields)
    assert str(caught.value) == text


def test_activations_are_checked():
    with pytest.raises(ValueError, match=r"Activations must have the shape \(2, 4\)"):
        small().compute(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"Activations must be within \[-8, 7\]"):
        small().compute(np.full((1, 4), 8))
