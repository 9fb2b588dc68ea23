"""Grouped convolution: each output sees the channels of its own group only.

It reads the windows that a matmul would read. With G groups of I channels and T taps, the windows
have T * G * I elements, channels fastest; an output of group g is the sum over its group's I
channels under all taps. Depthwise convolution is the case I = 1. As a matmul most weights would be
zeros, and an engine would spend its time on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sterna_hw.base import Alphabet, IntegerRange

from .op import Op, constant
from .types import TensorType

__all__ = ["GroupMatMul"]


@dataclass(frozen=True, eq=False)
class GroupMatMul(Op):
    """``y[m] = sum over t, n of weights[m, t * I + n] * x[(t * G + g) * I + n]``, g being the group
    of output m: outputs are split evenly over the groups, in order.

    Parameters
    ----------
    weights : int64 array ``[outputs, taps * I]``
        Integer weights, channels of the group fastest.
    alphabet, planes
        As of `MatMul`.
    groups, taps : :class:`int`
        G and T.
    """

    kind: ClassVar[str] = "group_matmul"

    weights: np.ndarray
    alphabet: Alphabet
    planes: int
    groups: int
    taps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "weights", constant(self.weights, 2, f"Weights of {self.name}"))
        self.alphabet.to_planes(self.weights, self.planes)
        outputs, seen = self.weights.shape
        if self.groups < 1 or outputs % self.groups:
            raise ValueError(
                f"Groups of {self.name} must divide its {outputs} outputs, not be {self.groups}"
            )
        if self.taps < 1 or seen % self.taps:
            raise ValueError(
                f"Taps of {self.name} must divide the {seen} weights of an output, "
                f"not be {self.taps}"
            )

    @property
    def inside(self) -> int:
        """Channels of a group."""
        return self.weights.shape[1] // self.taps

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        wanted = self.weights.shape[1] * self.groups
        if x.channels != wanted:
            raise ValueError(f"Inputs of {self.name} must be {wanted}, not {x.channels}")
        shape = (*x.shape[:-1], self.weights.shape[0])
        return TensorType(shape, IntegerRange.of_sums(self.weights, x.range))
