"""Which alphabet a layer's integer weights are written in."""

from __future__ import annotations

from sterna_hw.base import BINARY, TERNARY, TWO_BIT, Alphabet

from ..source import Linear

__all__ = ["choose_alphabet"]


def choose_alphabet(linear: Linear) -> tuple[Alphabet, int]:
    """The alphabet and number of planes for a layer's weights.

    Binary only where declared so, for a ternary layer that happens to hold no zero is still
    ternary; otherwise the smallest alphabet that holds every weight; else planes of ternary.
    """
    if linear.binary:
        return BINARY, 1
    for alphabet in (TERNARY, TWO_BIT):
        if alphabet.contains(linear.weights):
            return alphabet, 1
    return TERNARY, TERNARY.plane_count(linear.weights)
