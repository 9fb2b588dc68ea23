"""The network's real input up to its first quantiser, as an edge of the integer graph.
 An input edge divides by a scale, adds a zero point, clips and rounds half to even in float32. What
a network does before its first quantiser must fit that. Clips and ReLU do, because a quantiser is
monotone: clipping first and quantising then is quantising first and clipping to the codes of the
bounds. Gains and offsets do not, and belong to the data.

A bipolar input becomes the codes -1 and 0: dividing by the smallest number there is and clipping to
[-1, 0] tells negative numbers from the others for every float32, and a threshold makes them -1 and
1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sterna_hw.base import IntegerRange

from ... import ir
from ...source import Cast, Clip, Elementwise, IntegerQuantiser, Quantiser, Relu, Transpose

__all__ = ["RealInput", "smallest_scale_edge"]

_HALF_EVEN = ("ROUND", "HALF_EVEN")


@dataclass(frozen=True)
class RealInput:
    """A real network input, its current shape, the operations on it so far, and the order of the
    source's axes if it is another."""

    name: str
    shape: tuple[int, ...]
    steps: tuple[Elementwise, ...] = ()
    axes: tuple[int, ...] = ()

    def transposed(self, transpose: Transpose) -> RealInput:
        axes = tuple((self.axes or range(len(self.shape)))[axis] for axis in transpose.axes)
        shape = transpose.shape(self.shape)
        return replace(self, shape=shape, axes=() if axes == tuple(sorted(axes)) else axes)

    def reshaped(self, shape: tuple[int, ...]) -> RealInput:
        if self.axes:
            raise ValueError("an image must be quantised before it is flattened")
        return replace(self, shape=shape)

    def then(self, step: Elementwise) -> RealInput:
        return replace(self, steps=(*self.steps, step))

    def edge(self, quantiser: Quantiser) -> tuple[ir.InputEdge, IntegerRange]:
        """The edge and the range of the input's codes (zero point included).

        Raises
        ------
        ValueError
            If the operations before the quantiser, or the quantiser, do not fit an edge.
        """
        assert isinstance(quantiser, IntegerQuantiser)
        if quantiser.scale.ndim:
            raise ValueError("scale of an input quantiser must be one for the tensor")
        if quantiser.rounding not in _HALF_EVEN:
            raise ValueError(f"rounding of an input must be ROUND, not {quantiser.rounding}")
        low, high = quantiser.low, quantiser.high
        for step in self.steps:
            if isinstance(step, Cast):
                continue
            if not isinstance(step, Relu | Clip):
                kind = type(step).__name__
                raise ValueError(f"operation before the first quantiser must be a clip, not {kind}")
            ends = step.evaluate(np.array([-np.inf, np.inf], dtype=quantiser.scale.dtype))
            first, last = quantiser.codes(ends).tolist()
            low, high = max(low, first), min(high, last)
        zero = quantiser.zero_point
        edge = ir.InputEdge(float(quantiser.scale), zero, self.axes)
        return edge, IntegerRange(low + zero, high + zero)


def smallest_scale_edge(value: RealInput) -> tuple[ir.InputEdge, IntegerRange]:
    """The edge that tells negative inputs (code -1) from the others (code 0).

    Raises
    ------
    ValueError
        If anything stands before the quantiser.
    """
    if value.steps:
        kind = type(value.steps[0]).__name__
        raise ValueError(f"operation before a bipolar input quantiser must be none, not {kind}")
    smallest = float(np.finfo(np.float32).smallest_subnormal)
    return ir.InputEdge(smallest, 0, value.axes), IntegerRange(-1, 0)
