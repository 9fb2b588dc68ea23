"""Which alphabet a layer's integer weights are written in."""

from __future__ import annotations

import numpy as np

from sterna_hw.base import BINARY, SHIFTS, TERNARY, TWO_BIT, Alphabet

__all__ = ["choose_alphabet"]


def choose_alphabet(weights: np.ndarray, binary: bool) -> tuple[Alphabet, int]:
    """The alphabet and number of planes for a layer's weights.

    Binary only where declared so, for a ternary layer that happens to hold no zero is still
    ternary (and a matrix with zeros between its groups is no longer binary); otherwise the
    smallest alphabet that holds every weight (ternary, two-bit, shifts); else planes of ternary.
    """
    if binary and BINARY.contains(weights):
        return BINARY, 1
    for alphabet in (TERNARY, TWO_BIT, SHIFTS):
        if alphabet.contains(weights):
            return alphabet, 1
    return TERNARY, TERNARY.plane_count(weights)
