"""Larger images: pixels repeated, or channels laid out as pixels.

Neither computes anything, so whatever is done to each element may be done before or after. An image
has its channels last here, as everywhere in a source network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .operation import Operation, Shape

__all__ = ["Enlarge", "PixelShuffle", "Upsample"]


@dataclass(frozen=True, eq=False)
class Enlarge(Operation):
    """Base: ``down`` and ``across`` are the rows and columns that one becomes."""

    down: int
    across: int

    def shape(self, x: Shape | None) -> Shape | None:
        if x is None:
            return None
        if len(x) != 3:
            raise ValueError(f"input must be an image (channels, height, width), not shape {x}")
        return (x[0] * self.down, x[1] * self.across, self.channels(x[2]))

    def channels(self, count: int) -> int:
        """Channels of the result."""
        return count

    def channel_of(self, count: int) -> np.ndarray:
        """For each channel that comes in, the channel of the result that it becomes part of."""
        return np.arange(count)


@dataclass(frozen=True, eq=False)
class Upsample(Enlarge):
    """Each pixel ``down`` times ``across`` times."""

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return np.kron(x, np.ones((1, self.down, self.across, 1), dtype=x.dtype))


@dataclass(frozen=True, eq=False)
class PixelShuffle(Enlarge):
    """Channels laid out as ``down`` times ``across`` pixels.

    Parameters
    ----------
    parts_first : :class:`bool`
        Whether a pixel's channels are those of the first pixel that it becomes, then those of the
        second (DCR in ONNX); otherwise the parts of a channel stand together (CRD, torch).
    """

    parts_first: bool = False

    @property
    def parts(self) -> int:
        return self.down * self.across

    def channels(self, count: int) -> int:
        if count % self.parts:
            raise ValueError(f"channels must be a multiple of {self.parts}, not {count}")
        return count // self.parts

    def channel_of(self, count: int) -> np.ndarray:
        places = np.arange(count)
        return places % self.channels(count) if self.parts_first else places // self.parts

    def part_order(self, count: int) -> np.ndarray:
        """The channels in the order in which parts come first."""
        places = np.arange(count)
        if self.parts_first:
            return places
        return places.reshape(-1, self.parts).T.ravel()

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        ordered = x[..., self.part_order(x.shape[-1])]
        split = ordered.reshape(*x.shape[:3], self.down, self.across, -1)
        height, width = x.shape[1] * self.down, x.shape[2] * self.across
        return split.transpose(0, 1, 3, 2, 4, 5).reshape(len(x), height, width, -1)
