"""Builds the torch modules of a described multi-layer perceptron: quantised and float twins.

Both are sequences with the same layer names, so the float network's state starts the quantised
one. The quantised network is: `input` (quantiser), convolutions and residual blocks if there are
any (`sterna_models.cnn`), `flatten` when a sample has more than one axis, `hidden1`, `norm1`,
`relu1`, ..., `output`. The names go through the importers into the intermediate representation,
reports and mismatch messages.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from typing import Any

import brevitas.nn as qnn
from torch import nn

from . import quantizers
from .cnn import add_convolutions
from .recipe import Activation, ConvolutionLayer, MlpDescription, ResidualBlock

__all__ = ["build_float", "build_quantized"]


def _activation_options(activation: Activation) -> dict[str, Any]:
    kind = ("Learned" if activation.learned else "") + (
        "SignedActivation" if activation.signed else "UnsignedActivation"
    )
    options: dict[str, Any] = {
        "act_quant": getattr(quantizers, kind),
        "bit_width": activation.bit_width,
        "max_val": activation.full_scale,
    }
    if activation.signed:
        options["min_val"] = -activation.full_scale
    return options


@dataclass(frozen=True)
class _FloatMaker:
    """Layers of the float twin on ``axes`` axes."""

    axes: int

    def convolution(
        self, inputs: int, channels: int, kernel: int, stride: int, padding: int, groups: int = 1
    ) -> nn.Module:
        kind = (nn.Conv1d, nn.Conv2d)[self.axes - 1]
        return kind(inputs, channels, kernel, stride, padding, groups=groups, bias=False)

    def norm(self, channels: int) -> nn.Module:
        return (nn.BatchNorm1d, nn.BatchNorm2d)[self.axes - 1](channels)

    def pool(self, size: int) -> nn.Module:
        return (nn.MaxPool1d, nn.MaxPool2d)[self.axes - 1](size)

    def relu(self) -> nn.Module:
        return nn.ReLU()

    def quantiser(self, activation: Activation) -> nn.Module:
        return nn.Identity()


@dataclass(frozen=True)
class _QuantizedMaker(_FloatMaker):
    """The same with weights and activations quantised."""

    weight_options: dict[str, Any]
    activation: Activation

    def convolution(
        self, inputs: int, channels: int, kernel: int, stride: int, padding: int, groups: int = 1
    ) -> nn.Module:
        kind: Any = (qnn.QuantConv1d, qnn.QuantConv2d)[self.axes - 1]
        options = {"stride": stride, "padding": padding, "groups": groups, "bias": False}
        return kind(inputs, channels, kernel, **options, **self.weight_options)

    def relu(self) -> nn.Module:
        return qnn.QuantReLU(**_activation_options(self.activation))

    def quantiser(self, activation: Activation) -> nn.Module:
        return qnn.QuantIdentity(**_activation_options(activation))


def build_quantized(
    description: MlpDescription, input_shape: tuple[int, ...], class_count: int
) -> nn.Sequential:
    """The quantised network with fresh weights, in training mode.

    Raises
    ------
    ValueError
        If there is no weight quantiser of the given name.
    """
    weight_quantizer = getattr(quantizers, description.weight_quantizer, None)
    if description.weight_quantizer not in quantizers.__all__ or weight_quantizer is None:
        raise ValueError(
            f"Weight quantizer must be a name in sterna_models.quantizers, "
            f"not {description.weight_quantizer!r}"
        )
    weight_options: dict[str, Any] = {"weight_quant": weight_quantizer}
    if description.weight_bit_width is not None:
        weight_options["weight_bit_width"] = description.weight_bit_width
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["input"] = qnn.QuantIdentity(**_activation_options(description.input_activation))

    def maker(axes: int) -> _QuantizedMaker:
        return _QuantizedMaker(axes, weight_options, description.hidden_activation)

    input_shape = add_convolutions(layers, description.convolutions, input_shape, maker)
    if len(input_shape) > 1:
        layers["flatten"] = nn.Flatten()
    size = prod(input_shape)
    for number, hidden_size in enumerate(description.hidden_sizes, start=1):
        layers[f"hidden{number}"] = qnn.QuantLinear(size, hidden_size, bias=False, **weight_options)
        layers[f"norm{number}"] = nn.BatchNorm1d(hidden_size)
        layers[f"relu{number}"] = qnn.QuantReLU(
            **_activation_options(description.hidden_activation)
        )
        size = hidden_size
    layers["output"] = qnn.QuantLinear(
        size, class_count, bias=description.output_bias, **weight_options
    )
    return nn.Sequential(layers)


def build_float(
    hidden_sizes: tuple[int, ...],
    input_shape: tuple[int, ...],
    class_count: int,
    dropout: float = 0.0,
    convolutions: tuple[ConvolutionLayer | ResidualBlock, ...] = (),
) -> nn.Sequential:
    """The same network without quantisers, its output with a bias; dropout before each linear."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    input_shape = add_convolutions(layers, convolutions, input_shape, _FloatMaker)
    if len(input_shape) > 1:
        layers["flatten"] = nn.Flatten()
    size = prod(input_shape)
    for number, hidden_size in enumerate(hidden_sizes, start=1):
        layers[f"hidden{number}"] = nn.Linear(size, hidden_size, bias=False)
        layers[f"norm{number}"] = nn.BatchNorm1d(hidden_size)
        layers[f"relu{number}"] = nn.ReLU()
        if dropout > 0:
            layers[f"dropout{number}"] = nn.Dropout(dropout)
        size = hidden_size
    layers["output"] = nn.Linear(size, class_count)
    return nn.Sequential(layers)
