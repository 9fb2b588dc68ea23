"""Alphabets: codes, planes, refusals."""

import numpy as np
import pytest

from sterna_hw.base import (
    ALPHABETS,
    BINARY,
    SHIFTS,
    TERNARY,
    TWO_BIT,
    Alphabet,
    IntegerRange,
    shift_alphabet,
)


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=lambda a: a.name)
def test_codes_are_positions(alphabet: Alphabet) -> None:
    assert alphabet.encode(np.array(alphabet.values)).tolist() == list(range(len(alphabet)))
    assert alphabet.decode(np.arange(len(alphabet))).tolist() == list(alphabet.values)
    assert 2 ** (alphabet.code_width - 1) < len(alphabet) <= 2**alphabet.code_width


@pytest.mark.parametrize(
    ("alphabet", "symmetric", "pad"),
    [(BINARY, True, -1), (TERNARY, True, 0), (TWO_BIT, False, 0), (SHIFTS, True, 0)],
    ids=lambda value: getattr(value, "name", None),
)
def test_symmetry_and_padding(alphabet: Alphabet, symmetric: bool, pad: int) -> None:
    assert (alphabet.symmetric, alphabet.pad_value) == (symmetric, pad)


@pytest.mark.parametrize("planes", [1, 2, 3, 4, 5, 6])
def test_planes_write_exactly_the_balanced_ternary_range(planes: int) -> None:
    limit = (3**planes - 1) // 2
    weights = np.arange(-limit, limit + 1)
    letters = TERNARY.to_planes(weights, planes)
    assert letters.shape == (planes, len(weights))
    assert TERNARY.contains(letters)
    assert np.array_equal(TERNARY.from_planes(letters), weights)
    assert TERNARY.plane_count(weights) == planes
    assert TERNARY.plane_range(planes) == IntegerRange(-limit, limit)
    with pytest.raises(ValueError):
        TERNARY.to_planes(np.array([limit + 1]), planes)


@pytest.mark.parametrize(
    ("bits", "planes"), [(2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (8, 6)]
)
def test_planes_of_the_usual_integers(bits: int, planes: int) -> None:
    weights = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1))
    assert TERNARY.plane_count(weights) == planes


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TERNARY.encode(np.array([0, 2])), "ternary (-1, 0, 1), not 2"),
        (lambda: BINARY.plane_count(np.array([0])), "Alphabet must be ternary to have planes"),
        (lambda: BINARY.to_planes(np.array([3]), 2), "must be ternary to have 2 planes"),
        (lambda: Alphabet("odd", (1, 1)), "in ascending order, not (1, 1)"),
        (lambda: Alphabet("lone", (1,)), "two or more in ascending order, not (1,)"),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_shift_alphabets() -> None:
    assert shift_alphabet(4) is SHIFTS
    assert shift_alphabet(2).values == (-2, -1, 0, 1, 2)
    assert shift_alphabet(16).values[-5:] == (1, 2, 4, 8, 16)
    for largest in (0, 1, 6, -4):
        with pytest.raises(ValueError, match=f"power of two from 2 on, not {largest}"):
            shift_alphabet(largest)
