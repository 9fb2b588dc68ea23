"""Which alphabet a layer's integer weights are written in."""

from __future__ import annotations

import numpy as np

from sterna_hw.base import BINARY, SHIFTS, TERNARY, TWO_BIT, Alphabet, shift_alphabet

__all__ = ["LARGEST_SHIFT", "choose_alphabet"]

LARGEST_SHIFT = 64
"""The largest power of two that is a letter: weights of 8 bits have no larger one."""


def choose_alphabet(weights: np.ndarray, binary: bool) -> tuple[Alphabet, int]:
    """The alphabet and number of planes for a layer's weights.

    Binary only where declared so, for a ternary layer that happens to hold no zero is still
    ternary (and a matrix with zeros between its groups is no longer binary); otherwise the
    smallest alphabet that holds every weight (ternary, two-bit, shifts, more shifts up to 64); else
    planes of ternary. Powers of two could be planes too, but letters cost less (docs/decisions.md).
    """
    if binary and BINARY.contains(weights):
        return BINARY, 1
    for alphabet in (TERNARY, TWO_BIT, SHIFTS):
        if alphabet.contains(weights):
            return alphabet, 1
    largest = int(np.abs(weights).max())
    if largest <= LARGEST_SHIFT and not largest & (largest - 1):
        shifts = shift_alphabet(largest)
        if shifts.contains(weights):
            return shifts, 1
    return TERNARY, TERNARY.plane_count(weights)
