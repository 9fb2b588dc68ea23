"""The convolutions in front of a described network's hidden layers, quantised or float.

For each one `conv1`, `conv_norm1`, `conv_relu1`, and `pool1` where there is a pooling; names go
through the importers into reports and messages. What a convolution and an activation are is the
caller's: so that both twins have the same form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from .recipe import ConvolutionLayer

__all__ = ["add_convolutions", "convolution_options"]


def convolution_options(inputs: int, layer: ConvolutionLayer) -> dict[str, Any]:
    """What both twins' convolutions are made with, beside channels and kernel.

    Raises
    ------
    ValueError
        If a depthwise one has not as many outputs as inputs.
    """
    if layer.depthwise and layer.channels != inputs:
        raise ValueError(
            f"Channels of a depthwise convolution must be its {inputs} inputs, not {layer.channels}"
        )
    groups = inputs if layer.depthwise else 1
    return {"stride": layer.stride, "padding": layer.padding, "bias": False, "groups": groups}


def add_convolutions(
    layers: dict[str, nn.Module],
    convolutions: tuple[ConvolutionLayer, ...],
    input_shape: tuple[int, ...],
    convolution: Callable[[int, ConvolutionLayer], nn.Module],
    activation: Callable[[], nn.Module],
) -> tuple[int, ...]:
    """Adds the layers and gives the shape of what comes out of them.

    Raises
    ------
    ValueError
        If the input is no image, or too small for a window or a pooling.
    """
    if not convolutions:
        return input_shape
    if len(input_shape) != 3:
        raise ValueError(
            f"Input of a convolution must be (channels, height, width), not {input_shape}"
        )
    channels, height, width = input_shape
    for number, layer in enumerate(convolutions, start=1):
        layers[f"conv{number}"] = convolution(channels, layer)
        layers[f"conv_norm{number}"] = nn.BatchNorm2d(layer.channels)
        layers[f"conv_relu{number}"] = activation()
        height, width = (
            (size + 2 * layer.padding - layer.kernel) // layer.stride + 1
            for size in (height, width)
        )
        if layer.pool > 1:
            layers[f"pool{number}"] = nn.MaxPool2d(layer.pool)
            height, width = height // layer.pool, width // layer.pool
        if min(height, width) < 1:
            raise ValueError(f"Image of layer {number} must be larger, not {input_shape[1:]}")
        channels = layer.channels
    return channels, height, width
