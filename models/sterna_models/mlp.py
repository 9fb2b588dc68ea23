"""Builds the torch modules of a described multi-layer perceptron: quantised and float twins.

Both are plain sequences with the same layer names, so the float network's state starts the
quantised one. The quantised network is: `input` (quantiser), convolutions if there are any
(`sterna_models.cnn`), `flatten` when a sample has more than one axis, `hidden1`, `norm1`, `relu1`,
..., `output`. The names go through the importers into the intermediate representation, reports and
mismatch messages.
"""

from __future__ import annotations

from collections import OrderedDict
from math import prod
from typing import Any

import brevitas.nn as qnn
from torch import nn

from . import quantizers
from .cnn import add_convolutions, convolution_options
from .recipe import Activation, ConvolutionLayer, MlpDescription

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

    def convolution(inputs: int, layer: ConvolutionLayer) -> nn.Module:
        options = convolution_options(inputs, layer)
        return qnn.QuantConv2d(inputs, layer.channels, layer.kernel, **options, **weight_options)

    def activation() -> nn.Module:
        return qnn.QuantReLU(**_activation_options(description.hidden_activation))

    input_shape = add_convolutions(
        layers, description.convolutions, input_shape, convolution, activation
    )
    if len(input_shape) > 1:
        layers["flatten"] = nn.Flatten()
    size = prod(input_shape)
    for number, hidden_size in enumerate(description.hidden_sizes, start=1):
        layers[f"hidden{number}"] = qnn.QuantLinear(size, hidden_size, bias=False, **weight_options)
        layers[f"norm{number}"] = nn.BatchNorm1d(hidden_size)
        layers[f"relu{number}"] = activation()
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
    convolutions: tuple[ConvolutionLayer, ...] = (),
) -> nn.Sequential:
    """The same network without quantisers, its output with a bias; dropout before each linear."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()

    def convolution(inputs: int, layer: ConvolutionLayer) -> nn.Module:
        options = convolution_options(inputs, layer)
        return nn.Conv2d(inputs, layer.channels, layer.kernel, **options)

    input_shape = add_convolutions(layers, convolutions, input_shape, convolution, nn.ReLU)
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
