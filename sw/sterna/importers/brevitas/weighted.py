"""Layers with weights: linear layers and convolutions, and their biases.

Integer weights are read from the layer itself (`quant_weight().int()`), and what it multiplies by
in training must be these integers times their scale. A quantised bias is evaluated by its own
quantiser, which may need the scale of the input: then the quantiser that made the input is looked
for, through reshapes and windows.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ...source import (
    BipolarQuantiser,
    IntegerQuantiser,
    Pooling,
    Reshape,
    SourceBuilder,
    Transpose,
    Windows,
)
from ..convolution import as_matrix, check_channels, scales_as_matrix, window_axes
from .quantisers import quantised_by
from .tensors import array, numbers

__all__ = ["add_convolution", "add_linear"]


def add_linear(builder: SourceBuilder, name: str, layer: Any, value: str) -> str:
    value = quantised_by(builder, f"{name}.input_quant", layer.input_quant, value)
    return _weighted(builder, name, layer, value, (layer.out_features,))


def add_convolution(builder: SourceBuilder, name: str, layer: Any, value: str) -> str:
    value = quantised_by(builder, f"{name}.input_quant", layer.input_quant, value)
    refuse = builder.refuse
    if layer.padding_mode != "zeros":
        reason = f"padding must be zeros, not {layer.padding_mode}"
        return refuse(name, value, reason, "pad with zeros")
    try:
        padding = _padding(layer)
        rows, columns = window_axes(
            builder.shape(value), layer.kernel_size, layer.stride, padding, layer.dilation
        )
        check_channels(builder.shape(value), layer.in_channels)
    except ValueError as error:
        return refuse(name, value, str(error), "give the layer an image that fits")
    value = builder.add(f"{name}.window", Windows(rows, columns), value)
    shape = (layer.out_channels, rows.outputs, columns.outputs)
    return _weighted(builder, name, layer, value, shape)


def _padding(layer: Any) -> tuple[int, ...]:
    """Padding of a convolution before the input on each axis, then after it."""
    if layer.padding == "valid":
        return (0, 0) * len(layer.kernel_size)
    if layer.padding == "same":
        total = [step * (taps - 1) for step, taps in zip(layer.dilation, layer.kernel_size)]
        before = [size // 2 for size in total]
        return (*before, *(size - first for size, first in zip(total, before)))
    return numbers(layer.padding, len(layer.kernel_size)) * 2


def _weighted(
    builder: SourceBuilder, name: str, layer: Any, value: str, shape: tuple[int, ...]
) -> str:
    """A matrix and its bias, on a vector or on windows."""
    refuse = builder.refuse
    if not layer.weight_quant.is_quant_enabled:
        remedy = "give the layer a weight quantiser"
        return refuse(name, value, "weights must be quantised, not float", remedy, shape)
    raw = array(layer.weight)
    if not np.isfinite(raw).all():
        worst = raw[~np.isfinite(raw)].flat[0]
        return refuse(name, value, f"weights must be finite, not {worst}", "train again", shape)
    quantised = layer.quant_weight()
    scale = array(quantised.scale)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        weights = np.zeros((len(raw), 1), dtype=np.int64)
        return builder.linear(name, value, weights, scale.reshape(-1, 1), None)
    zero = array(quantised.zero_point)
    if (zero != np.round(zero)).any():
        reason = "zero point of weights must be an integer"
        return refuse(name, value, reason, "use a symmetric weight quantiser", shape)
    weights = np.round(array(quantised.int(float_datatype=True)) - zero).astype(np.int64)
    # What the layer multiplies by in training must be these integers times the scale.
    if not np.allclose(weights * scale.astype(np.float64), array(quantised.value), rtol=1e-4):
        reason = "weights must lie on the grid of their scale"
        return refuse(name, value, reason, "use an integer weight quantiser", shape)
    binary, groups = bool(quantised.bit_width == 1 and quantised.signed), 1
    if weights.ndim == 3:  # of signals: images one pixel wide
        weights = weights[..., np.newaxis]
        scale = scale[..., np.newaxis] if scale.ndim == 3 else scale
    if weights.ndim == 4:
        groups = int(layer.groups)
        scale = scales_as_matrix(np.broadcast_to(scale, weights.shape), groups)
        weights = as_matrix(weights, groups)
    bias, problem = _bias(builder, layer, value, quantised)
    if problem:
        return refuse(name, value, problem, "use a float bias", shape)
    value = builder.linear(name, value, weights, scale, bias, binary, groups)
    return quantised_by(builder, f"{name}.output_quant", layer.output_quant, value)


def _bias(
    builder: SourceBuilder, layer: Any, value: str, weight: Any
) -> tuple[np.ndarray | None, str]:
    """The bias that the layer adds, after its own quantiser, or a problem."""
    torch = import_module("torch")
    if layer.bias is None:
        return None, ""
    if not layer.bias_quant.is_quant_enabled:
        return array(layer.bias), ""
    source = _producer(builder, value)
    if source is None:
        return None, "bias quantiser must know the input's scale"
    zeros = torch.zeros(1, 1, dtype=layer.weight.dtype)
    inputs = import_module("brevitas.quant_tensor").IntQuantTensor(
        zeros,
        torch.tensor(source.scale),
        torch.tensor(float(getattr(source, "zero_point", 0))),
        torch.tensor(float(getattr(source, "bits", 1))),
        source.low < 0,
        False,
    )
    quantised = layer.bias_quant(layer.bias, inputs, weight)
    return array(getattr(quantised, "value", quantised)), ""


def _producer(builder: SourceBuilder, value: str) -> IntegerQuantiser | BipolarQuantiser | None:
    """The quantiser that made a value, through reshapes."""
    operation = builder.operation(value)
    while isinstance(operation, Reshape | Transpose | Windows):
        if isinstance(operation, Pooling) and operation.mean:
            return None
        value = builder.source_of(value)
        operation = builder.operation(value)
    is_quantiser = isinstance(operation, IntegerQuantiser | BipolarQuantiser)
    return operation if is_quantiser else None
