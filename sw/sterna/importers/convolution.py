"""From a framework's convolutions and poolings to windows: sizes, padding, groups.

Frameworks give a kernel, a stride, padding and dilation for each axis; here they become two window
axes, checked against the image. Weights ``[out, in / groups, height, width]`` become rows of a
matrix ``[out, height * width * in]``; with groups, the rest of a row is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sterna_hw.base import WindowAxis

from ..source import Pooling, SourceBuilder

__all__ = [
    "as_matrix",
    "check_channels",
    "global_pool",
    "image_axes",
    "scales_as_matrix",
    "window_axes",
]


def global_pool(builder: SourceBuilder, name: str, value: str, mean: bool) -> str:
    """Adds a pooling over a whole image or signal.

    Raises
    ------
    ValueError
        If the value is neither.
    """
    kernel = (builder.shape(value) or ())[1:]
    ones, padding = (1,) * len(kernel), (0, 0) * len(kernel)
    axes = window_axes(builder.shape(value), kernel, ones, padding, ones)
    return builder.add(name, Pooling(*axes, mean=mean), value)


def window_axes(
    shape: Sequence[int] | None,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> tuple[WindowAxis, WindowAxis]:
    """The axes of a window over an image, or over a signal ``(channels, length)``, which is an
    image one pixel wide; as many numbers as it has axes (padding: all before, then all after).

    Raises
    ------
    ValueError
        If the input is neither, the numbers are too few or not whole, or the window does not fit.
    """
    given = (("kernel", kernel), ("stride", stride), ("padding", padding), ("dilation", dilation))
    for what, numbers in given:
        count = len(kernel) * (2 if what == "padding" else 1)
        if len(numbers) != count or any(int(number) != number for number in numbers):
            raise ValueError(f"{what} must be {count} whole numbers, not {list(numbers)}")
    if len(kernel) != 1:
        return image_axes(shape, kernel, stride, padding, dilation)
    if shape is None or len(shape) != 2:
        raise ValueError(f"input must be a signal (channels, length), not shape {shape}")
    before, after = padding
    return image_axes(
        (*shape, 1), (*kernel, 1), (*stride, 1), (before, 0, after, 0), (*dilation, 1)
    )


def check_channels(shape: Sequence[int] | None, channels: int) -> None:
    """Checks that an image or a signal has the channels that a convolution reads.

    Raises
    ------
    ValueError
        If it does not.
    """
    if shape is not None and shape[0] != channels:
        raise ValueError(f"input must have {channels} channels, not {shape[0]}")


def image_axes(
    shape: Sequence[int] | None,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> tuple[WindowAxis, WindowAxis]:
    """The axes along height and width of an image ``(channels, height, width)``.

    ``padding`` is above, left, below, right.

    Raises
    ------
    ValueError
        If the image is none, or the window does not fit it.
    """
    if shape is None or len(shape) != 3:
        raise ValueError(f"input must be an image (channels, height, width), not shape {shape}")
    rows, columns = (
        WindowAxis(
            int(shape[axis + 1]),
            int(kernel[axis]),
            int(stride[axis]),
            int(dilation[axis]),
            int(padding[axis]),
            int(padding[axis + 2]),
        )
        for axis in range(2)
    )
    return rows, columns


def as_matrix(weights: np.ndarray, groups: int, absent: Any = 0) -> np.ndarray:
    """Rows of a matrix from ``[out, in / groups, height, width]``; ``absent`` stands where an
    output does not see an input.

    Raises
    ------
    ValueError
        If the outputs are no multiple of the groups.
    """
    outputs, inside, height, width = weights.shape
    if outputs % groups:
        raise ValueError(f"outputs must be a multiple of the {groups} groups, not {outputs}")
    matrix = np.full((outputs, height, width, inside * groups), absent, dtype=weights.dtype)
    each = outputs // groups
    for group in range(groups):
        mine, seen = slice(group * each, group * each + each), slice(group * inside, None)
        matrix[mine, :, :, seen][..., :inside] = weights[mine].transpose(0, 2, 3, 1)
    return matrix.reshape(outputs, -1)


def scales_as_matrix(scale: np.ndarray, groups: int) -> np.ndarray:
    """The scale of each element of `as_matrix`: what a group does not see has its row's scale."""
    matrix = as_matrix(scale, groups, np.nan)
    return np.where(np.isnan(matrix), np.nanmax(matrix, axis=1, keepdims=True), matrix)
