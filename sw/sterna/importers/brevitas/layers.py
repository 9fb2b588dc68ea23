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

from ...source import AddBranches, MultiplyAdd, PixelShuffle, Reshape, SourceBuilder
from ...source.elementwise import fused_multiply_add
from ..shapes import flattened
from .images import add_global_pool, add_pool, add_upsample
from .quantisers import REMEDY, activation, quantised_by
from .tensors import array
from .weighted import add_convolution, add_linear

__all__ = ["REMEDY", "LayerReader"]

_IGNORED = ("Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "QuantDropout")
_POOLINGS = ("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d")
_ADAPTIVE = ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d")


class LayerReader:
    """Adds the layers of one module to a builder."""

    def __init__(self, builder: SourceBuilder) -> None:
        self.builder = builder

    def joins(self, layer: Any) -> bool:
        """Whether a layer reads several values. Brevitas 0.13.4 cannot run its own `QuantCat`."""
        return isinstance(layer, import_module("brevitas.nn").QuantEltwiseAdd)

    def join(self, name: str, layer: Any, values: Sequence[str]) -> str:
        """Adds a layer on several values and returns the name of its result."""
        entry = [
            quantised_by(self.builder, f"{name}.input_quant", layer.input_quant, value)
            for value in values
        ]
        result = self.builder.join(name, AddBranches(), entry)
        return quantised_by(self.builder, f"{name}.output_quant", layer.output_quant, result)

    def read(self, name: str, layer: Any, value: str) -> str:
        """Adds a layer on a value and returns the name of its result."""
        quantised = import_module("brevitas.nn")
        torch = import_module("torch")
        kind = type(layer).__name__
        if isinstance(layer, quantised.QuantLinear):
            return add_linear(self.builder, name, layer, value)
        if isinstance(layer, quantised.QuantConv1d | quantised.QuantConv2d):
            return add_convolution(self.builder, name, layer, value)
        if hasattr(layer, "act_quant"):
            value = quantised_by(
                self.builder, f"{name}.input_quant", getattr(layer, "input_quant", None), value
            )
            return quantised_by(self.builder, name, layer.act_quant, value)
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            return self._batch_norm(name, layer, value)
        if kind in _POOLINGS:
            return add_pool(self.builder, name, layer, value)
        if kind.removeprefix("Quant") in ("Upsample", "UpsamplingNearest2d"):
            return add_upsample(self.builder, name, layer, value)
        if kind == "PixelShuffle":
            size = int(layer.upscale_factor)
            return self.builder.add(name, PixelShuffle(size, size), value)
        if kind in _ADAPTIVE:
            return add_global_pool(self.builder, name, layer, value)
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
        result = activation(self.builder, name, layer, value)
        if result is not None:
            return result
        return self.builder.refuse(name, value, f"layer {kind} is unknown", REMEDY)

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
        mean, variance = array(layer.running_mean), array(layer.running_var)
        number = mean.dtype.type
        inverse = number(1) / np.sqrt(variance + number(layer.eps))
        weight = np.ones_like(mean) if layer.weight is None else array(layer.weight)
        bias = np.zeros_like(mean) if layer.bias is None else array(layer.bias)
        gain = inverse * weight
        return self.builder.add(
            name, MultiplyAdd(gain, fused_multiply_add(-mean, gain, bias)), value
        )
