"""Sums that share parts, before and after they are merged: always the matrix that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.merge_sums import merge_sums, sum_adders
from sterna_hw.shared_sums import SharedSums, digits, terms
from sterna_hw.solve_sums import solve_sums

BYTE = IntegerRange(-128, 127)


@pytest.mark.parametrize("number", [*range(-40, 41), 127, -128, 85, 2**20 - 1])
def test_digits_write_the_number(number):
    found = list(digits(number))
    assert sum((-1 if negative else 1) << shift for shift, negative in found) == number
    shifts = [shift for shift, _ in found]
    assert all(second - first >= 2 for first, second in zip(shifts, shifts[1:]))


def random_matrix(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    limit = int(generator.choice([1, 1, 3, 100]))
    shape = (int(generator.integers(1, 20)), int(generator.integers(1, 20)))
    matrix = generator.integers(-limit, limit + 1, shape)
    return matrix * (generator.random(shape) < generator.choice([0.2, 1.0]))


@pytest.mark.parametrize("seed", range(12), ids=lambda seed: f"seed{seed}")
def test_solved_and_merged_sums_make_the_matrix(seed):
    matrix = random_matrix(seed)
    sums = solve_sums(matrix, BYTE)
    np.testing.assert_array_equal(sums.weights(), matrix)
    assert sums.adders <= SharedSums.unshared(matrix).adders
    for operands in (2, 3):
        merged = merge_sums(sums, operands)
        np.testing.assert_array_equal(merged.weights(), matrix)
        assert adders(merged, operands) <= adders(sums, operands)
    values = np.random.default_rng(seed).integers(-128, 128, (5, matrix.shape[1]))
    np.testing.assert_array_equal(sums.compute(values), values @ matrix.T)


def adders(sums: SharedSums, operands: int) -> int:
    return sum(sum_adders(terms(parts), operands) for parts in (*sums.shared, *sums.outputs))


def test_pair_is_given_up_where_adders_take_three():
    """a + b, read twice: with three operands the readers take its terms at no cost."""
    sums = SharedSums.of(4, [{0: 1, 1: 1}], [{4: 1, 2: 1}, {4: 1, 3: -1}])
    assert merge_sums(sums, 2) == sums
    merged = merge_sums(sums, 3)
    assert merged.shared == ()
    assert merged.outputs == (((0, 1), (1, 1), (2, 1)), ((0, 1), (1, 1), (3, -1)))


def test_terms_cancel_when_sums_are_put_back():
    sums = SharedSums.of(2, [{0: 1, 1: 1}, {0: 1, 1: -1}], [{2: 1, 3: 1}])
    assert merge_sums(sums, 2).outputs == (((0, 2),),)


def test_solved_again_it_is_the_same():
    matrix = np.random.default_rng(2).integers(-1, 2, (20, 24))
    assert solve_sums(matrix, BYTE) == solve_sums(matrix.copy(order="F"), BYTE)


def test_sharing_saves_adders():
    matrix = np.random.default_rng(1).integers(-1, 2, (32, 32))
    assert solve_sums(matrix, BYTE).adders < 0.7 * SharedSums.unshared(matrix).adders


def test_sources_must_lie_below():
    with pytest.raises(ValueError) as caught:
        SharedSums.of(2, [{2: 1}], [])
    assert str(caught.value) == "Sources of a sum must be below 2, not 2"
