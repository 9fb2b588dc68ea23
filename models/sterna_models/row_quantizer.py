"""Int8 quantisation of rows, one scale a row from its largest magnitude: what stands before each
linear of BitNet b1.58 and before queries, keys and values.

A row becomes integer codes -127..127 and the real value of one code step. Rounding is half to even.
The gradient goes straight through the rounding, and the step counts as a constant. Codes are floats
that hold integers, so that a product with ternary weights is exact in any float format that has the
accumulator's bits; bfloat16 holds the codes themselves exactly.

It stands beside Brevitas rather than on it, because Brevitas' activation quantisers give back
values times step, and the step would have to be divided out again for an exact product.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["LARGEST_CODE", "QuantisedRows", "quantise_rows", "round_through"]

LARGEST_CODE = 127

_SMALLEST_MAXIMUM = 1e-5
"""A row of zeros has a step all the same; the value is BitNet's."""


class QuantisedRows(NamedTuple):
    """Rows as ``codes`` (..., elements) times ``step`` (..., 1)."""

    codes: Tensor
    step: Tensor

    @property
    def values(self) -> Tensor:
        """The real values that the codes stand for."""
        return self.codes * self.step


def round_through(values: Tensor) -> Tensor:
    """Values rounded half to even, with the gradient of the identity."""
    return values + (values.round() - values).detach()


def quantise_rows(values: Tensor, enabled: bool = True) -> QuantisedRows:
    """Rows along the last axis as int8 codes; as they are, with step one, unless ``enabled``."""
    if not enabled:
        return QuantisedRows(values, torch.ones_like(values[..., :1]))
    largest = values.detach().abs().amax(dim=-1, keepdim=True)
    step = largest.clamp(min=_SMALLEST_MAXIMUM) / LARGEST_CODE
    return QuantisedRows(round_through(values / step), step)
