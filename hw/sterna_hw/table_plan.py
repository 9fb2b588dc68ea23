"""How a table of partial sums is filled: which entries there are, and the walk through them.

A table holds, for one group of G activations, the sum ``letter[0]*x[0] + ... +
letter[G-1]*x[G-1]`` for every choice of letters. One running adder fills it. It walks through the
choices in a reflected n-ary Gray order, in which neighbours differ in one digit by one letter, so
that every step adds or subtracts one activation, shifted by a constant. The entries are stored in
the order of the walk: the write address is a counter, and no address table exists in hardware. The
packer of the weights knows the order instead.

Where the middle letter is zero, the middle of the reflected order is the all-zero choice. The walk
clears the adder there, runs to the end, clears it again and runs from the middle to the beginning.
Every choice of the second run is the negative of one of the first if the alphabet is symmetric, so
sign folding simply leaves it out. Other alphabets start in a corner, which the adder reaches by a
few steps that write nothing; folding keeps the half in which the last letter has the sign of that
corner.

This is plain Python on small integers; it knows nothing of widths or cycles.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .base import Alphabet

__all__ = ["FillStep", "TablePlan", "plan_table"]

Letters = tuple[int, ...]


@dataclass(frozen=True)
class FillStep:
    """One step of the running adder.

    Parameters
    ----------
    digit : :class:`int` or None
        Which activation of the group is added; None clears the sum instead.
    negative : :class:`bool`
        Subtract instead of add.
    shift : :class:`int`
        The activation is taken times ``2**shift``.
    is_written : :class:`bool`
        Whether the sum after this step is the next entry of the table.
    """

    digit: int | None
    negative: bool = False
    shift: int = 0
    is_written: bool = True


@dataclass(frozen=True)
class TablePlan:
    """Entries of a table and the steps that make them.

    Parameters
    ----------
    alphabet : :class:`Alphabet`
        The letters.
    group : :class:`int`
        Activations of a table (G).
    sign_fold : :class:`bool`
        Store one of each pair of opposite choices.
    entries : tuple of letters
        The choice that each address holds.
    steps : tuple of :class:`FillStep`
        The walk; entries are written in the order of their addresses.
    """

    alphabet: Alphabet
    group: int
    sign_fold: bool
    entries: tuple[Letters, ...]
    steps: tuple[FillStep, ...]

    @property
    def entry_count(self) -> int:
        return len(self.entries)

    @property
    def entry_width(self) -> int:
        """Bits of an entry's address; at least one."""
        return max(1, (len(self.entries) - 1).bit_length())

    @property
    def index_width(self) -> int:
        """Bits of an index: the address and, above it, the sign if there is one."""
        return self.entry_width + self.sign_fold

    @property
    def warm_up_steps(self) -> int:
        """Steps before the first that writes: they need no table."""
        return next(number for number, step in enumerate(self.steps) if step.is_written)

    @property
    def shifts(self) -> tuple[int, ...]:
        """All shifts that occur, ascending."""
        return tuple(sorted({step.shift for step in self.steps if step.digit is not None}))

    def indices(self) -> np.ndarray:
        """Index of each choice of letters, by the choice's number.

        The number of a choice is ``sum(code[j] * |A|**j)``; the result (int64) has ``|A|**G``
        elements.
        """
        address = {letters: number for number, letters in enumerate(self.entries)}
        sign = 1 << self.entry_width
        result = np.zeros(len(self.alphabet) ** self.group, dtype=np.int64)
        choices = itertools.product(self.alphabet.values, repeat=self.group)
        for number, reversed_letters in enumerate(choices):
            letters = reversed_letters[::-1]
            if letters in address:
                result[number] = address[letters]
            else:
                result[number] = sign + address[tuple(-letter for letter in letters)]
        return result

    def tables(self, activations: np.ndarray) -> np.ndarray:
        """Contents of the tables: shape ``(..., G)`` in, ``(..., entry_count)`` out, int64."""
        return np.asarray(activations, dtype=np.int64) @ np.array(self.entries, dtype=np.int64).T


MOST_CHOICES = 4096
"""Choices of letters in a group at most: tables beyond fit no memory that is read every cycle."""


@lru_cache(maxsize=256)
def plan_table(alphabet: Alphabet, group: int, sign_fold: bool) -> TablePlan:
    """The plan for one alphabet, group and choice of sign folding.

    Raises
    ------
    ValueError
        If the group is empty or has more than `MOST_CHOICES`, or signs shall be folded in an
        alphabet that is not symmetric.
    """
    most = int(math.log(MOST_CHOICES, len(alphabet)) + 1e-9)
    if not 1 <= group <= most:
        raise ValueError(f"Group must be 1 to {most} with {len(alphabet)} letters, not {group!r}")
    if sign_fold and not alphabet.symmetric:
        raise ValueError(
            f"Alphabet must hold the negative of each letter to fold signs, not {alphabet.values}"
        )
    letters = list(alphabet.values)
    if len(letters) % 2 and letters[len(letters) // 2] == 0:
        order = _reflected(letters, group)
        middle = len(order) // 2
        runs = [order[middle:]] if sign_fold else [order[middle:], order[:middle][::-1]]
    else:
        starts = (letters, letters[::-1])
        cheapest = min(starts, key=lambda start: (len(_powers(start[0])), abs(start[0])))
        order = _reflected(cheapest, group)
        runs = [order[: len(order) // 2] if sign_fold else order]
    steps: list[FillStep] = []
    for run in runs:
        steps += _walk(run)
    entries = tuple(itertools.chain.from_iterable(runs))
    return TablePlan(alphabet, group, sign_fold, entries, tuple(steps))


def _reflected(letters: list[int], group: int) -> list[Letters]:
    """All choices; neighbours differ in one digit by one letter. Digit 0 moves most."""
    order: list[Letters] = [()]
    for _ in range(group):
        order = [
            (*choice, letter)
            for number, letter in enumerate(letters)
            for choice in (reversed(order) if number % 2 else order)
        ]
    return order


def _walk(run: list[Letters]) -> list[FillStep]:
    """The steps from a cleared adder through all choices of a run."""
    position = (0,) * len(run[0])
    steps = [FillStep(None, is_written=run[0] == position)]
    for choice in run:
        moves = [
            FillStep(digit, power < 0, abs(power).bit_length() - 1, is_written=False)
            for digit, (old, new) in enumerate(zip(position, choice))
            for power in _powers(new - old)
        ]
        if moves:
            last = moves[-1]
            moves[-1] = FillStep(last.digit, last.negative, last.shift)
        steps += moves
        position = choice
    return steps


def _powers(number: int) -> list[int]:
    """The fewest signed powers of two that sum to a number (its non-adjacent form)."""
    powers, weight = [], 1
    while number:
        if number % 2:
            digit = 2 - number % 4
            powers.append(digit * weight)
            number -= digit
        number //= 2
        weight *= 2
    return powers
