"""The convolutions in front of a described network's hidden layers, quantised or float.

For each one `conv1`, `conv_norm1`, `conv_relu1`, and `pool1` where there is a pooling, and for a
residual block `block1` (`sterna_models.residual`); names go through the importers into reports and
messages. An input of three axes is an image, one of two is a signal. What a layer is made of is the
caller's: so that both twins have the same form.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from .recipe import ConvolutionLayer, ResidualBlock
from .residual import LayerMaker, make_residual

__all__ = ["add_convolutions"]


def _add_layer(
    layers: dict[str, nn.Module],
    number: int,
    inputs: int,
    layer: ConvolutionLayer,
    make: LayerMaker,
) -> None:
    if layer.depthwise and layer.channels != inputs:
        raise ValueError(
            f"Channels of a depthwise convolution must be its {inputs} inputs, not {layer.channels}"
        )
    groups = inputs if layer.depthwise else 1
    layers[f"conv{number}"] = make.convolution(
        inputs, layer.channels, layer.kernel, layer.stride, layer.padding, groups
    )
    layers[f"conv_norm{number}"] = make.norm(layer.channels)
    layers[f"conv_relu{number}"] = make.relu()
    if layer.pool > 1:
        layers[f"pool{number}"] = make.pool(layer.pool)


def _outputs(size: int, layer: ConvolutionLayer | ResidualBlock) -> int:
    """Elements along an axis behind a layer that has ``size`` of them."""
    if isinstance(layer, ResidualBlock):
        return (size - 1) // layer.stride + 1
    return ((size + 2 * layer.padding - layer.kernel) // layer.stride + 1) // layer.pool


def add_convolutions(
    layers: dict[str, nn.Module],
    convolutions: tuple[ConvolutionLayer | ResidualBlock, ...],
    input_shape: tuple[int, ...],
    maker: Callable[[int], LayerMaker],
) -> tuple[int, ...]:
    """Adds the layers and gives the shape of what comes out of them.

    Parameters
    ----------
    layers : dict
        The network's layers by name, in order.
    convolutions : tuple of :class:`ConvolutionLayer` and :class:`ResidualBlock`
        What to add.
    input_shape : tuple of :class:`int`
        Channels, then the size of each axis, without the batch.
    maker : callable
        Gives the maker of layers for so many axes.

    Raises
    ------
    ValueError
        If the input is neither image nor signal, or too small for a window or a pooling, or a
        depthwise convolution has not as many outputs as inputs.
    """
    if not convolutions:
        return input_shape
    if len(input_shape) not in (2, 3):
        raise ValueError(
            f"Input of a convolution must be (channels, height, width) or (channels, length), "
            f"not {input_shape}"
        )
    channels, *sizes = input_shape
    make = maker(len(sizes))
    for number, layer in enumerate(convolutions, start=1):
        if isinstance(layer, ResidualBlock):
            layers[f"block{number}"] = make_residual(channels, layer, make)
        else:
            _add_layer(layers, number, channels, layer, make)
        sizes = [_outputs(size, layer) for size in sizes]
        if min(sizes) < 1:
            raise ValueError(f"Image of layer {number} must be larger, not {input_shape[1:]}")
        channels = layer.channels
    return channels, *sizes
