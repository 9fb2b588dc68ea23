"""Operations on images: windows, and pooling over them.

A convolution is two operations: `Window` puts all elements under the window side by side, a
position after the other, and a matmul along that axis does the rest. So whatever holds for matmuls
(alphabets, planes, proven ranges, engines) holds for convolutions, and pooling is a reduction of
the same windows. Elements of a window stand tap by tap, rows of taps first, channels fastest:
weights ``[out, kh, kw, in]`` are a matmul's rows as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sterna_hw.base import IntegerRange, WindowAxis

from .op import Op
from .types import TensorType

__all__ = ["Pool", "Window"]


@dataclass(frozen=True, eq=False)
class Window(Op):
    """All windows of an image ``(height, width, channels)``: shape
    ``(positions down, positions across, taps * channels)``.

    Parameters
    ----------
    rows, columns : :class:`WindowAxis`
        The window along the height and along the width.
    pad_value : :class:`int`
        What lies in the padding.
    """

    kind: ClassVar[str] = "window"

    rows: WindowAxis
    columns: WindowAxis
    pad_value: int = 0

    @property
    def taps(self) -> int:
        return self.rows.kernel * self.columns.kernel

    @property
    def positions(self) -> int:
        return self.rows.outputs * self.columns.outputs

    @property
    def pads(self) -> bool:
        return any(axis.before or axis.after for axis in (self.rows, self.columns))

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        size = (self.rows.size, self.columns.size)
        if len(x.shape) != 3 or x.shape[:2] != size:
            raise ValueError(f"Image of {self.name} must have the size {size}, not {x.shape}")
        values = x.range
        if self.pads:
            values = values.union(IntegerRange(self.pad_value, self.pad_value))
        shape = (self.rows.outputs, self.columns.outputs, self.taps * x.channels)
        return TensorType(shape, values)


@dataclass(frozen=True, eq=False)
class Pool(Op):
    """The largest element or the sum over the ``taps`` of each window, for each channel.

    Parameters
    ----------
    mode : :class:`str`
        ``max`` or ``sum``.
    taps : :class:`int`
        Taps of the windows that it reads.
    """

    kind: ClassVar[str] = "pool"

    mode: str
    taps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in ("max", "sum"):
            raise ValueError(f"Mode of {self.name} must be max or sum, not {self.mode!r}")

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if self.taps < 1 or x.channels % self.taps:
            raise ValueError(
                f"Taps of {self.name} must divide the {x.channels} elements of a window, "
                f"not be {self.taps}"
            )
        values = x.range if self.mode == "max" else x.range * self.taps
        return TensorType((*x.shape[:-1], x.channels // self.taps), values)
