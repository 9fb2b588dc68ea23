"""Layers on images and signals without weights: pooling and upsampling."""

from __future__ import annotations

from typing import Any

from ...source import Pooling, SourceBuilder, Upsample
from ..convolution import global_pool, window_axes
from ..enlarging import upsampling
from .tensors import numbers

__all__ = ["add_global_pool", "add_pool", "add_upsample"]


def add_pool(builder: SourceBuilder, name: str, layer: Any, value: str) -> str:
    refuse = builder.refuse
    mean = type(layer).__name__.startswith("Avg")
    axes = int(type(layer).__name__[-2])
    kernel, stride, padding, dilation = (
        numbers(getattr(layer, field, 1), axes)
        for field in ("kernel_size", "stride", "padding", "dilation")
    )
    if layer.ceil_mode:
        return refuse(name, value, "ceil_mode must be off", "pad the image instead")
    if mean and any(padding) and not layer.count_include_pad:
        return refuse(name, value, "padding must be counted", "set count_include_pad")
    if getattr(layer, "divisor_override", None) is not None:
        return refuse(name, value, "divisor must be that of the window", "leave it out")
    try:
        window = window_axes(builder.shape(value), kernel, stride, padding * 2, dilation)
    except ValueError as error:
        return refuse(name, value, str(error), "give the layer an image that fits")
    return builder.add(name, Pooling(*window, mean=mean), value)


def add_upsample(builder: SourceBuilder, name: str, layer: Any, value: str) -> str:
    refuse = builder.refuse
    if layer.mode != "nearest":
        return refuse(name, value, f"mode must be nearest, not {layer.mode}", "use nearest")
    try:
        factors = upsampling(builder.shape(value), layer.size, layer.scale_factor)
    except ValueError as error:
        return refuse(name, value, str(error), "use whole factors")
    return builder.add(name, Upsample(*factors), value)


def add_global_pool(builder: SourceBuilder, name: str, layer: Any, value: str) -> str:
    kind = type(layer).__name__
    if set(numbers(layer.output_size, int(kind[-2]))) != {1}:
        reason = f"output size must be 1, not {layer.output_size}"
        return builder.refuse(name, value, reason, "pool with a kernel and a stride")
    try:
        return global_pool(builder, name, value, mean="Avg" in kind)
    except ValueError as error:
        remedy = "give the layer an image that fits"
        return builder.refuse(name, value, str(error), remedy)
