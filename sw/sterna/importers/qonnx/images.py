"""Handlers of operations on images and signals in QONNX files.

A convolution is windows and a matrix product on them. Kernels, strides, padding and dilation are
taken as numbers, in one or two axes; a signal is an image one pixel wide. Upsampling and pixel
shuffle are by whole factors, pixels being repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sterna_hw.base import WindowAxis

from ...source import PixelShuffle, Pooling, Reshape, Upsample, Windows
from ..convolution import (
    as_matrix,
    check_channels,
    global_pool,
    scales_as_matrix,
    window_axes,
)
from ..enlarging import nearest_repeats
from .context import Context, Handler, Operand
from .weights import UnfitError

__all__ = ["IMAGES", "WINDOWS"]

WINDOWS = (
    "Conv",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Resize",
    "Upsample",
    "DepthToSpace",
)
"""Operations that tell that the network's input is an image or a signal."""


def convolution(
    context: Context, name: str, options: dict[str, Any], x: Any, weights: Any, bias: Any = None
) -> Operand:
    if not isinstance(x, str):
        raise UnfitError("the activation must come first", "multiply activations by weights")
    weights = context.weights(weights)
    if weights.integers.ndim not in (3, 4):
        raise UnfitError(f"weights must have three or four axes, not {weights.integers.ndim}")
    windows = Windows(*_axes(context, x, options, weights.integers.shape[2:]))
    weights = weights.of_images()
    groups = int(options.get("group", 1))
    check_channels(context.known_shape(x), weights.integers.shape[1] * groups)
    scale = scales_as_matrix(weights.scale, groups)
    x = context.builder.add(f"{name}.window", windows, x)
    addend = None if bias is None else context.constant(bias).reshape(-1)
    matrix = as_matrix(weights.integers, groups)
    return context.builder.linear(name, x, matrix, scale, addend, weights.binary, groups)


def max_pool(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    return _pool(context, name, options, x, mean=False)


def average_pool(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    pooling = Pooling(*_axes(context, x, options, options["kernel_shape"]), mean=True)
    if pooling.pads and not options.get("count_include_pad", 0):
        raise UnfitError("padding must be counted", "set count_include_pad")
    return _pool(context, name, options, x, mean=True)


def global_average_pool(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    return global_pool(context.builder, name, x, mean=True)


def global_max_pool(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    return global_pool(context.builder, name, x, mean=False)


def reduce_mean(
    context: Context, name: str, options: dict[str, Any], x: Any, axes: Any = None
) -> Operand:
    found = options.get("axes") if axes is None else context.constant(axes).tolist()
    shape = context.known_shape(x)
    places = sorted(axis % (len(shape) + 1) for axis in found or ())
    if len(shape) < 2 or places != list(range(2, len(shape) + 1)):
        raise UnfitError("mean must be over all pixels", "use GlobalAveragePool")
    pooled = global_average_pool(context, name, options, x)
    if options.get("keepdims", 1):
        return pooled
    return context.builder.add(f"{name}.flat", Reshape(shape[:1]), str(pooled))


def upsample(
    context: Context, name: str, options: dict[str, Any], x: Any, scales: Any = None
) -> Operand:
    factors = options["scales"] if scales is None else context.constant(scales).tolist()
    return _larger(context, name, x, factors, str(options.get("mode", "nearest")))


def resize(
    context: Context,
    name: str,
    options: dict[str, Any],
    x: Any,
    roi: Any = None,
    scales: Any = None,
    sizes: Any = None,
) -> Operand:
    shape = context.known_shape(x)
    if scales is not None and context.constant(scales).size:
        factors = context.constant(scales).tolist()
    else:
        wanted = context.constant(sizes).tolist()[1:]
        factors = [1.0, *(new / old for new, old in zip(wanted, shape, strict=True))]
    for size, factor in zip(shape[1:], factors[2:]):
        if float(factor).is_integer() and not nearest_repeats(size, int(factor), options):
            raise UnfitError(
                "nearest must repeat each pixel equally often",
                "use asymmetric coordinates and floor",
            )
    return _larger(context, name, x, factors, str(options.get("mode", "nearest")))


def depth_to_space(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    size, mode = int(options["blocksize"]), options.get("mode", "DCR")
    return context.builder.add(name, PixelShuffle(size, size, mode == "DCR"), x)


def _larger(context: Context, name: str, x: Any, factors: Sequence[float], mode: str) -> Operand:
    if mode != "nearest":
        raise UnfitError(f"mode must be nearest, not {mode}", "use nearest")
    whole = [int(factor) for factor in factors]
    if whole != list(factors) or whole[:2] != [1, 1] or not 3 <= len(whole) <= 4:
        raise UnfitError(f"scales must be whole, along pixels only, not {list(factors)}")
    return context.builder.add(name, Upsample(whole[2], [*whole, 1][3]), x)


def _pool(context: Context, name: str, options: dict[str, Any], x: Any, mean: bool) -> Operand:
    if options.get("ceil_mode", 0):
        raise UnfitError("ceil_mode must be 0", "pad the image instead")
    axes = _axes(context, x, options, options["kernel_shape"])
    return context.builder.add(name, Pooling(*axes, mean=mean), x)


def _axes(
    context: Context, x: str, options: dict[str, Any], kernel: Sequence[int]
) -> tuple[WindowAxis, WindowAxis]:
    if options.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise UnfitError("padding must be given as numbers, not auto_pad", "export again")
    if len(kernel) not in (1, 2):
        raise UnfitError(f"kernel must have one or two axes, not {len(kernel)}")
    ones = (1,) * len(kernel)
    return window_axes(
        context.known_shape(x),
        kernel,
        options.get("strides", ones),
        options.get("pads", (0, 0) * len(kernel)),
        options.get("dilations", ones),
    )


IMAGES: dict[str, Handler] = {
    "AveragePool": average_pool,
    "Conv": convolution,
    "DepthToSpace": depth_to_space,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "MaxPool": max_pool,
    "ReduceMean": reduce_mean,
    "Resize": resize,
    "Upsample": upsample,
}
"""Handlers by operation type."""
