"""Weights as letters of a small alphabet.

A weight is not an arbitrary integer but a letter of a finite, sorted set of integers. The letter's
position in the set is its code, so codes run from 0 without gaps and a group of G weights is a
number of G digits in base |alphabet|, digit 0 first. This one idea lets the same table engine serve
ternary, binary, two-bit and shift weights.

Integers beyond the alphabet are written in several planes, ``weight = sum(radix**p * letter[p])``.
The ternary alphabet with radix 3 (balanced ternary digits) writes every integer, so it is the
standard way to run int3 to int8 weights exactly on a ternary engine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .integer_range import IntegerRange

__all__ = ["ALPHABETS", "BINARY", "SHIFTS", "TERNARY", "TWO_BIT", "Alphabet", "shift_alphabet"]


@dataclass(frozen=True)
class Alphabet:
    """A finite set of integer weights.

    Parameters
    ----------
    name : :class:`str`
        Name in reports and in the IR's text form.
    values : tuple of :class:`int`
        The letters, strictly ascending, at least two.
    """

    name: str
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2 or any(a >= b for a, b in zip(self.values, self.values[1:])):
            raise ValueError(
                f"Values of an alphabet must be two or more in ascending order, not {self.values!r}"
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def range(self) -> IntegerRange:
        return IntegerRange(self.values[0], self.values[-1])

    @property
    def symmetric(self) -> bool:
        """Whether the negative of every letter is a letter: what sign folding needs."""
        return all(-value in self.values for value in self.values)

    @property
    def code_width(self) -> int:
        return (len(self.values) - 1).bit_length()

    @property
    def pad_value(self) -> int:
        """The letter that stands at padded positions (their inputs are zero, so any would do)."""
        return 0 if 0 in self.values else self.values[0]

    @property
    def radix(self) -> int:
        """Weight ratio of neighbouring planes: 3 for ternary, otherwise 2."""
        return 3 if self.values == (-1, 0, 1) else 2

    def contains(self, weights: np.ndarray) -> bool:
        return bool(np.isin(weights, self.values).all())

    def encode(self, weights: np.ndarray) -> np.ndarray:
        """Codes (int64, same shape) of an array of letters.

        Raises
        ------
        ValueError
            If a weight is not a letter.
        """
        weights = np.asarray(weights, dtype=np.int64)
        if not self.contains(weights):
            stray = weights[~np.isin(weights, self.values)].flat[0]
            raise ValueError(f"Weights must be letters of {self.name} {self.values}, not {stray}")
        return np.searchsorted(np.asarray(self.values, dtype=np.int64), weights)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The letters (int64, same shape) of an array of codes."""
        return np.asarray(self.values, dtype=np.int64)[codes]

    def plane_count(self, weights: np.ndarray) -> int:
        """How many planes write every weight of an array: 1 if each one is a letter.

        Raises
        ------
        ValueError
            If more than one plane would be needed and the alphabet is not ternary.
        """
        if self.contains(weights):
            return 1
        if self.values != (-1, 0, 1):
            raise ValueError(f"Alphabet must be ternary to have planes, not {self.name}")
        planes, largest = 1, int(np.abs(weights).max())
        while (3**planes - 1) // 2 < largest:
            planes += 1
        return planes

    def plane_range(self, planes: int) -> IntegerRange:
        """The range of all integers that ``planes`` planes can write."""
        scale = sum(self.radix**plane for plane in range(planes))
        return self.range * scale

    def to_planes(self, weights: np.ndarray, planes: int) -> np.ndarray:
        """Letters of shape ``(planes, *weights.shape)``, plane 0 least significant.

        Raises
        ------
        ValueError
            If ``planes`` planes cannot write one of the weights.
        """
        weights = np.asarray(weights, dtype=np.int64)
        if planes == 1:
            return self.decode(self.encode(weights))[np.newaxis]
        if self.values != (-1, 0, 1):
            raise ValueError(f"Alphabet must be ternary to have {planes} planes, not {self.name}")
        rest, letters = weights.copy(), []
        for _ in range(planes):
            digit = (rest + 1) % 3 - 1
            letters.append(digit)
            rest = (rest - digit) // 3
        if rest.any():
            limit = (3**planes - 1) // 2
            raise ValueError(
                f"Weights must be within +-{limit} for {planes} planes, not "
                f"{weights.flat[np.flatnonzero(rest)[0]]}"
            )
        return np.stack(letters)

    def from_planes(self, letters: np.ndarray) -> np.ndarray:
        """The integers that ``to_planes`` wrote: axis 0 is the plane."""
        scales = self.radix ** np.arange(len(letters), dtype=np.int64)
        return np.tensordot(scales, np.asarray(letters, dtype=np.int64), axes=1)


TERNARY = Alphabet("ternary", (-1, 0, 1))
BINARY = Alphabet("binary", (-1, 1))
TWO_BIT = Alphabet("two_bit", (-2, -1, 0, 1))
SHIFTS = Alphabet("shifts", (-4, -2, -1, 0, 1, 2, 4))


def shift_alphabet(largest: int) -> Alphabet:
    """Zero and the powers of two up to ``largest`` with either sign; `SHIFTS` for 4.

    Raises
    ------
    ValueError
        If it is no power of two, or below 2.
    """
    if largest < 2 or largest & (largest - 1):
        raise ValueError(f"Largest shift must be a power of two from 2 on, not {largest}")
    if largest == SHIFTS.values[-1]:
        return SHIFTS
    powers = [1 << place for place in range(largest.bit_length())]
    values = [-power for power in reversed(powers)] + [0, *powers]
    return Alphabet(f"shifts_{largest}", tuple(values))


ALPHABETS = {alphabet.name: alphabet for alphabet in (TERNARY, BINARY, TWO_BIT, SHIFTS)}
