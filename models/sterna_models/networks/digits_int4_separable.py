"""Digits with int4 weights in depthwise-separable convolutions, as in MobileNet.

One convolution with stride, then three times a 3x3 depthwise and a 1x1 pointwise one. Weights are
integers from -7 to 7 with a learned binary point: the exponent of a layer's step is trained with
it. Activations have 4 bits.
"""

from __future__ import annotations

from ..data.digits import load_digits
from ..recipe import Activation, ConvolutionLayer, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]


def _separable(inputs: int, outputs: int, stride: int) -> tuple[ConvolutionLayer, ...]:
    """A depthwise convolution of the inputs and a pointwise one."""
    return (
        ConvolutionLayer(inputs, stride=stride, padding=1, depthwise=True),
        ConvolutionLayer(outputs, kernel=1),
    )


RECIPE = Recipe(
    name="digits_int4_separable",
    summary="MNIST digits, depthwise-separable convolutions, int4 weights, 4-bit activations",
    load_data=load_digits,
    network=MlpDescription(
        hidden_sizes=(),
        weight_quantizer="IntegerWeightLearnedPowerOfTwo",
        weight_bit_width=4,
        input_activation=Activation(bit_width=4, full_scale=1.0),
        hidden_activation=Activation(bit_width=4, full_scale=4.0),
        convolutions=(
            ConvolutionLayer(12, kernel=4, stride=2, padding=1),
            *_separable(12, 24, stride=1),
            *_separable(24, 32, stride=2),
            *_separable(32, 48, stride=2),
        ),
    ),
    training=Training(
        float_epochs=20,
        quantized_epochs=40,
        augmentation=True,
    ),
)
