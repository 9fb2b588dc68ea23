"""Operations on images: another order of axes, windows, pooling.

Inside a source network an image has its channels last, so that constants and scales of a channel
belong to the last axis as they do in vectors; `SourceBuilder` brings it into that order and back.
A convolution is `Windows` followed by `Linear`, in the order rows of taps, taps, channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sterna_hw.base import WindowAxis

from .operation import Operation, Shape

__all__ = ["CHANNELS_FIRST", "CHANNELS_LAST", "Pooling", "Transpose", "Windows"]


@dataclass(frozen=True, eq=False)
class Transpose(Operation):
    """Axes in another order: axis k of the result is axis ``axes[k]`` (batch axis left out)."""

    axes: tuple[int, ...]

    def shape(self, x: Shape | None) -> Shape | None:
        if x is None:
            return None
        if sorted(self.axes) != list(range(len(x))):
            raise ValueError(f"Axes must be those of {x}, not {self.axes}")
        return tuple(x[axis] for axis in self.axes)

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return x.transpose(0, *(axis + 1 for axis in self.axes))


CHANNELS_LAST = Transpose((1, 2, 0))
CHANNELS_FIRST = Transpose((2, 0, 1))


@dataclass(frozen=True, eq=False)
class Windows(Operation):
    """The elements under each position of a window, side by side; zero in the padding."""

    rows: WindowAxis
    columns: WindowAxis

    @property
    def taps(self) -> int:
        return self.rows.kernel * self.columns.kernel

    @property
    def pads(self) -> bool:
        return any(axis.before or axis.after for axis in (self.rows, self.columns))

    def shape(self, x: Shape | None) -> Shape | None:
        if x is None:
            return None
        if len(x) != 3 or x[:2] != (self.rows.size, self.columns.size):
            size = (self.rows.size, self.columns.size)
            raise ValueError(f"Image must have the size {size}, not shape {x}")
        return (self.rows.outputs, self.columns.outputs, self.taps * x[2])

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return self.taken(x, 0.0).reshape(*x.shape[:1], *(self.shape(x.shape[1:]) or ()))

    def taken(self, x: np.ndarray, padding: float) -> np.ndarray:
        """Shape ``[batch, positions down, positions across, taps, channels]``."""
        rows, columns = self.rows, self.columns
        edges = ((0, 0), (rows.before, rows.after), (columns.before, columns.after), (0, 0))
        padded = np.pad(x, edges, constant_values=padding)
        parts = [
            padded[
                :,
                row * rows.dilation :: rows.stride,
                column * columns.dilation :: columns.stride,
            ][:, : rows.outputs, : columns.outputs]
            for row in range(rows.kernel)
            for column in range(columns.kernel)
        ]
        return np.stack(parts, axis=3)


@dataclass(frozen=True, eq=False)
class Pooling(Windows):
    """The largest element of each window, or the mean; padding counts as zero in a mean."""

    mean: bool = False

    @property
    def is_global(self) -> bool:
        """Whether the only window is the whole image."""
        axes = (self.rows, self.columns)
        return not self.pads and all(
            axis.kernel == axis.size and axis.dilation == 1 for axis in axes
        )

    def shape(self, x: Shape | None) -> Shape | None:
        windows = super().shape(x)
        return None if windows is None else (*windows[:2], windows[2] // self.taps)

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        if not self.mean:
            return self.taken(x, -np.inf).max(axis=3)
        return self.taken(x, 0.0).mean(axis=3, dtype=np.float64).astype(x.dtype)
