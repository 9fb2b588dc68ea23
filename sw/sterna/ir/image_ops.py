"""Operations on whole images: global pooling, and larger images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .op import Op
from .types import TensorType

__all__ = ["GlobalPool", "PixelShuffle", "Upsample"]


@dataclass(frozen=True, eq=False)
class GlobalPool(Op):
    """The largest element or the sum of each channel over all pixels: shape ``(1, 1, channels)``.

    Parameters
    ----------
    mode : :class:`str`
        ``max`` or ``sum``.
    """

    kind: ClassVar[str] = "global_pool"

    mode: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in ("max", "sum"):
            raise ValueError(f"Mode of {self.name} must be max or sum, not {self.mode!r}")

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if len(x.shape) != 3:
            raise ValueError(f"Image of {self.name} must have three axes, not shape {x.shape}")
        values = x.range if self.mode == "max" else x.range * x.vectors
        return TensorType((1, 1, x.channels), values)


@dataclass(frozen=True, eq=False)
class _Enlarge(Op):
    """``down`` and ``across``: rows and columns that one becomes."""

    down: int
    across: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.down < 1 or self.across < 1:
            raise ValueError(
                f"Factors of {self.name} must be 1 or more, not {(self.down, self.across)}"
            )

    def _check(self, x: TensorType) -> None:
        if len(x.shape) != 3:
            raise ValueError(f"Image of {self.name} must have three axes, not shape {x.shape}")


@dataclass(frozen=True, eq=False)
class Upsample(_Enlarge):
    """Each pixel ``down`` times ``across`` times."""

    kind: ClassVar[str] = "upsample"

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        self._check(x)
        height, width, channels = x.shape
        return TensorType((height * self.down, width * self.across, channels), x.range)


@dataclass(frozen=True, eq=False)
class PixelShuffle(_Enlarge):
    """Channels laid out as pixels: with C channels in the result, its pixel (h down + i, w across +
    j) has the channels from (i across + j) C on of the pixel (h, w)."""

    kind: ClassVar[str] = "pixel_shuffle"

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        self._check(x)
        height, width, channels = x.shape
        parts = self.down * self.across
        if channels % parts:
            raise ValueError(
                f"Channels of {self.name} must be a multiple of {parts}, not {channels}"
            )
        return TensorType((height * self.down, width * self.across, channels // parts), x.range)
