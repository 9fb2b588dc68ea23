"""Handlers of the layers that a traced Brevitas module calls.

A quantised linear layer may quantise its input and its output and its bias; an activation layer is
its activation function followed by a quantiser. Batch norm is one multiply-add a channel, with the
constants that torch computes and, like torch on any CPU with a fused multiply-add, one rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ..source import (
    AddBranches,
    BipolarQuantiser,
    Clip,
    Function,
    IntegerQuantiser,
    LeakyRelu,
    MultiplyAdd,
    PixelShuffle,
    Pooling,
    Relu,
    Reshape,
    SourceBuilder,
    Transpose,
    Upsample,
    Windows,
)
from ..source.elementwise import fused_multiply_add
from .convolution import as_matrix, global_pool, scales_as_matrix, window_axes
from .enlarging import upsampling
from .shapes import flattened

__all__ = ["REMEDY", "LayerReader"]

_IGNORED = ("Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "QuantDropout")
_POOLINGS = ("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d")
_ADAPTIVE = ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d")
_FUNCTIONS = ("Sigmoid", "Tanh", "Softplus", "SiLU", "GELU", "Hardswish")
REMEDY = "use linear, conv1d, conv2d, pooling, batch norm, activations, identity and flatten"


def _array(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _numbers(value: Any, axes: int) -> tuple[int, ...]:
    """One number for each axis."""
    return (int(value),) * axes if isinstance(value, int) else tuple(int(item) for item in value)


def _padding(layer: Any) -> tuple[int, ...]:
    """Padding of a convolution before the input on each axis, then after it."""
    if layer.padding == "valid":
        return (0, 0) * len(layer.kernel_size)
    if layer.padding == "same":
        total = [step * (taps - 1) for step, taps in zip(layer.dilation, layer.kernel_size)]
        before = [size // 2 for size in total]
        return (*before, *(size - first for size, first in zip(total, before)))
    return _numbers(layer.padding, len(layer.kernel_size)) * 2


class LayerReader:
    """Adds the layers of one module to a builder."""

    def __init__(self, builder: SourceBuilder) -> None:
        self.builder = builder

    def joins(self, layer: Any) -> bool:
        """Whether a layer reads several values. Brevitas 0.13.4 cannot run its own `QuantCat`."""
        return isinstance(layer, import_module("brevitas.nn").QuantEltwiseAdd)

    def join(self, name: str, layer: Any, values: Sequence[str]) -> str:
        """Adds a layer on several values and returns the name of its result."""
        entry = [self._proxy(f"{name}.input_quant", layer.input_quant, value) for value in values]
        result = self.builder.join(name, AddBranches(), entry)
        return self._proxy(f"{name}.output_quant", layer.output_quant, result)

    def read(self, name: str, layer: Any, value: str) -> str:
        """Adds a layer on a value and returns the name of its result."""
        quantised = import_module("brevitas.nn")
        torch = import_module("torch")
        kind = type(layer).__name__
        if isinstance(layer, quantised.QuantLinear):
            return self._linear(name, layer, value)
        if isinstance(layer, quantised.QuantConv1d | quantised.QuantConv2d):
            return self._convolution(name, layer, value)
        if hasattr(layer, "act_quant"):
            value = self._proxy(f"{name}.input_quant", getattr(layer, "input_quant", None), value)
            return self._proxy(name, layer.act_quant, value)
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            return self._batch_norm(name, layer, value)
        if kind in _POOLINGS:
            return self._pool(name, layer, value)
        if kind.removeprefix("Quant") in ("Upsample", "UpsamplingNearest2d"):
            return self._upsample(name, layer, value)
        if kind == "PixelShuffle":
            size = int(layer.upscale_factor)
            return self.builder.add(name, PixelShuffle(size, size), value)
        if kind in _ADAPTIVE:
            return self._global_pool(name, layer, value)
        if isinstance(layer, torch.nn.Flatten):
            shape = self.builder.shape(value)
            if shape is None:
                return value
            try:
                target = flattened(shape, layer.start_dim, layer.end_dim)
            except ValueError as error:
                return self.builder.refuse(name, value, str(error), "flatten from axis 1")
            return self.builder.add(name, Reshape(target), value)
        if kind in _IGNORED:
            return value
        if isinstance(layer, torch.nn.Conv1d | torch.nn.Conv2d):
            reason = "weights must be quantised, not float"
            remedy = f"use brevitas.nn.Quant{kind}"
            return self.builder.refuse(name, value, reason, remedy)
        if isinstance(layer, torch.nn.Linear):
            reason = "weights must be quantised, not float"
            remedy = "use brevitas.nn.QuantLinear"
            return self.builder.refuse(name, value, reason, remedy, (layer.out_features,))
        activation = self._activation(name, layer, value)
        if activation is not None:
            return activation
        return self.builder.refuse(name, value, f"layer {kind} is unknown", REMEDY)

    def _activation(self, name: str, function: Any, value: str) -> str | None:
        """Adds an activation function; ``None`` if it is not known."""
        kind = type(function).__name__
        if kind == "Identity":
            return value
        if kind == "ReLU":
            return self.builder.add(name, Relu(), value)
        if kind in _FUNCTIONS:
            unlike = (getattr(function, "approximate", "none"), getattr(function, "beta", 1))
            if unlike != ("none", 1):
                return None
            return self.builder.add(name, Function(kind.lower()), value)
        if kind in ("LeakyReLU", "PReLU"):
            slope = function.negative_slope if kind == "LeakyReLU" else _array(function.weight)
            slope = np.asarray(slope, dtype=self.builder.number_type)
            slope = slope.reshape(()) if slope.size == 1 else slope
            return self.builder.add(name, LeakyRelu(slope), value)
        if kind in ("Hardtanh", "ReLU6"):
            clip = Clip(float(function.min_val), float(function.max_val))
            return self.builder.add(name, clip, value)
        return None

    def _linear(self, name: str, layer: Any, value: str) -> str:
        value = self._proxy(f"{name}.input_quant", layer.input_quant, value)
        return self._weighted(name, layer, value, (layer.out_features,))

    def _convolution(self, name: str, layer: Any, value: str) -> str:
        value = self._proxy(f"{name}.input_quant", layer.input_quant, value)
        refuse = self.builder.refuse
        if layer.padding_mode != "zeros":
            reason = f"padding must be zeros, not {layer.padding_mode}"
            return refuse(name, value, reason, "pad with zeros")
        try:
            padding = _padding(layer)
            rows, columns = window_axes(
                self.builder.shape(value), layer.kernel_size, layer.stride, padding, layer.dilation
            )
        except ValueError as error:
            return refuse(name, value, str(error), "give the layer an image that fits")
        value = self.builder.add(f"{name}.window", Windows(rows, columns), value)
        shape = (layer.out_channels, rows.outputs, columns.outputs)
        return self._weighted(name, layer, value, shape)

    def _pool(self, name: str, layer: Any, value: str) -> str:
        refuse = self.builder.refuse
        mean = type(layer).__name__.startswith("Avg")
        axes = int(type(layer).__name__[-2])
        kernel, stride, padding, dilation = (
            _numbers(getattr(layer, field, 1), axes)
            for field in ("kernel_size", "stride", "padding", "dilation")
        )
        if layer.ceil_mode:
            return refuse(name, value, "ceil_mode must be off", "pad the image instead")
        if mean and any(padding) and not layer.count_include_pad:
            return refuse(name, value, "padding must be counted", "set count_include_pad")
        if getattr(layer, "divisor_override", None) is not None:
            return refuse(name, value, "divisor must be that of the window", "leave it out")
        try:
            window = window_axes(self.builder.shape(value), kernel, stride, padding * 2, dilation)
        except ValueError as error:
            return refuse(name, value, str(error), "give the layer an image that fits")
        return self.builder.add(name, Pooling(*window, mean=mean), value)

    def _upsample(self, name: str, layer: Any, value: str) -> str:
        refuse = self.builder.refuse
        if layer.mode != "nearest":
            return refuse(name, value, f"mode must be nearest, not {layer.mode}", "use nearest")
        try:
            factors = upsampling(self.builder.shape(value), layer.size, layer.scale_factor)
        except ValueError as error:
            return refuse(name, value, str(error), "use whole factors")
        return self.builder.add(name, Upsample(*factors), value)

    def _global_pool(self, name: str, layer: Any, value: str) -> str:
        kind = type(layer).__name__
        if set(_numbers(layer.output_size, int(kind[-2]))) != {1}:
            reason = f"output size must be 1, not {layer.output_size}"
            return self.builder.refuse(name, value, reason, "pool with a kernel and a stride")
        try:
            return global_pool(self.builder, name, value, mean="Avg" in kind)
        except ValueError as error:
            remedy = "give the layer an image that fits"
            return self.builder.refuse(name, value, str(error), remedy)

    def _weighted(self, name: str, layer: Any, value: str, shape: tuple[int, ...]) -> str:
        """A matrix and its bias, on a vector or on windows."""
        refuse = self.builder.refuse
        if not layer.weight_quant.is_quant_enabled:
            remedy = "give the layer a weight quantiser"
            return refuse(name, value, "weights must be quantised, not float", remedy, shape)
        raw = _array(layer.weight)
        if not np.isfinite(raw).all():
            worst = raw[~np.isfinite(raw)].flat[0]
            return refuse(name, value, f"weights must be finite, not {worst}", "train again", shape)
        quantised = layer.quant_weight()
        scale = _array(quantised.scale)
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            weights = np.zeros((len(raw), 1), dtype=np.int64)
            return self.builder.linear(name, value, weights, scale.reshape(-1, 1), None)
        zero = _array(quantised.zero_point)
        if (zero != np.round(zero)).any():
            reason = "zero point of weights must be an integer"
            return refuse(name, value, reason, "use a symmetric weight quantiser", shape)
        weights = np.round(_array(quantised.int(float_datatype=True)) - zero).astype(np.int64)
        # What the layer multiplies by in training must be these integers times the scale.
        if not np.allclose(weights * scale.astype(np.float64), _array(quantised.value), rtol=1e-4):
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
        bias, problem = self._bias(layer, value, quantised)
        if problem:
            return refuse(name, value, problem, "use a float bias", shape)
        value = self.builder.linear(name, value, weights, scale, bias, binary, groups)
        return self._proxy(f"{name}.output_quant", layer.output_quant, value)

    def _bias(self, layer: Any, value: str, weight: Any) -> tuple[np.ndarray | None, str]:
        """The bias that the layer adds, after its own quantiser, or a problem."""
        torch = import_module("torch")
        if layer.bias is None:
            return None, ""
        if not layer.bias_quant.is_quant_enabled:
            return _array(layer.bias), ""
        source = self._producer(value)
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
        return _array(getattr(quantised, "value", quantised)), ""

    def _producer(self, value: str) -> IntegerQuantiser | BipolarQuantiser | None:
        """The quantiser that made a value, through reshapes."""
        operation = self.builder.operation(value)
        while isinstance(operation, Reshape | Transpose | Windows):
            if isinstance(operation, Pooling) and operation.mean:
                return None
            value = self.builder.source_of(value)
            operation = self.builder.operation(value)
        is_quantiser = isinstance(operation, IntegerQuantiser | BipolarQuantiser)
        return operation if is_quantiser else None

    def _proxy(self, name: str, proxy: Any, value: str) -> str:
        """Adds what an activation proxy does: its activation function and its quantiser."""
        fused = getattr(proxy, "fused_activation_quant_proxy", None)
        if fused is None:
            return value
        quantises = proxy.is_quant_enabled
        function = self._activation(
            f"{name}.function" if quantises else name, fused.activation_impl, value
        )
        if function is None:
            kind = type(fused.activation_impl).__name__
            return self.builder.refuse(name, value, f"activation {kind} is unknown", REMEDY)
        if not quantises:
            return function
        kind = type(fused.tensor_quant).__name__
        if kind not in ("RescalingIntQuant", "ClampedBinaryQuant", "BinaryQuant"):
            kind = getattr(fused.tensor_quant, "original_name", kind)
        if kind in ("ClampedBinaryQuant", "BinaryQuant"):
            bits, rounding = 1.0, "ROUND"
        elif kind == "RescalingIntQuant":
            bits, rounding = float(proxy.bit_width()), proxy.rounding_mode or "ROUND"
        else:
            remedy = "use an integer or binary activation quantiser"
            shape = self.builder.shape(value)
            return self.builder.refuse(
                name, function, f"quantiser {kind} is unknown", remedy, shape
            )
        return self.builder.quantise(
            name,
            function,
            _array(proxy.scale()),
            float(proxy.zero_point()),
            bits,
            bool(proxy.is_signed),
            bool(proxy.is_narrow_range),
            str(rounding),
        )

    def _batch_norm(self, name: str, layer: Any, value: str) -> str:
        shape = self.builder.shape(value)
        axes = (3,) if type(layer).__name__ == "BatchNorm2d" else (1, 2)
        if shape is not None and len(shape) not in axes:
            before = "an image" if axes == (3,) else "a linear layer or a signal"
            reason = f"batch norm must follow {before}, not shape {shape}"
            return self.builder.refuse(name, value, reason, "normalise over one axis", shape)
        if layer.running_mean is None:
            reason = "batch norm must track running statistics"
            return self.builder.refuse(name, value, reason, "train with them", shape)
        mean, variance = _array(layer.running_mean), _array(layer.running_var)
        number = mean.dtype.type
        inverse = number(1) / np.sqrt(variance + number(layer.eps))
        weight = np.ones_like(mean) if layer.weight is None else _array(layer.weight)
        bias = np.zeros_like(mean) if layer.bias is None else _array(layer.bias)
        gain = inverse * weight
        return self.builder.add(
            name, MultiplyAdd(gain, fused_multiply_add(-mean, gain, bias)), value
        )
