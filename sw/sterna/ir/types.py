"""What a value in the graph is: its shape, its proven integer range, and its meaning at the edges.

Inside the graph every value is a tensor of integers. Its shape leaves the batch axis out and has
the channel last; its range is proven, so that widths follow from it. Real numbers exist only at the
two edges: an input edge says how a real value becomes a code, an output edge what a code is worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sterna_hw.base import IntegerRange

__all__ = ["InputEdge", "OutputEdge", "TensorType"]


@dataclass(frozen=True)
class TensorType:
    """Shape without the batch axis, channel last, and the range of every element.

    Raises
    ------
    ValueError
        If an axis is not a positive integer.
    """

    shape: tuple[int, ...]
    range: IntegerRange

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(axis) for axis in self.shape))
        if not self.shape or any(axis < 1 for axis in self.shape):
            raise ValueError(f"Axes of a tensor must be positive, not {self.shape}")

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def vectors(self) -> int:
        """Vectors of channels: one for each pixel of an image, otherwise one."""
        return math.prod(self.shape[:-1])

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape))} {self.range}"


def _check_scale(scale: float) -> float:
    scale = float(scale)
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"Scale of an edge must be finite and above zero, not {scale!r}")
    return scale


@dataclass(frozen=True)
class InputEdge:
    """How real inputs become codes: ``code = round(clip(x / scale + zero_point))``.

    The division and the addition are done in float32 and the rounding is half to even, as QONNX and
    Brevitas do it; the clip bounds are the range of the graph's input. With ``axes``, axis k of the
    graph's input is axis ``axes[k]`` of the source's (both without the batch axis).
    """

    scale: float
    zero_point: int = 0
    axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _check_scale(self.scale))
        object.__setattr__(self, "axes", tuple(self.axes))
        if sorted(self.axes) != list(range(len(self.axes))):
            raise ValueError(f"Axes of an edge must be in some order, not {self.axes}")

    def transposed(self, axes: tuple[int, ...], count: int) -> InputEdge:
        """The edge of an input whose ``count`` axes come in another order still."""
        found = tuple((self.axes or range(count))[axis] for axis in axes)
        return replace(self, axes=() if found == tuple(range(count)) else found)

    def arrange(self, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """A batch in the source's layout as ``(batch, *shape)`` in the graph's."""
        if not self.axes:
            return x.reshape(len(x), *shape)
        source = [0] * len(shape)
        for place, axis in enumerate(self.axes):
            source[axis] = shape[place]
        return x.reshape(len(x), *source).transpose(0, *(axis + 1 for axis in self.axes))


@dataclass(frozen=True)
class OutputEdge:
    """What output codes are worth: ``real = (code - zero_point) * scale``."""

    scale: float
    zero_point: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _check_scale(self.scale))
