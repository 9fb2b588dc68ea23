"""Digits with ternary weights in residual blocks: a convolution, then three blocks of two each.

A small ResNet: the first block's shortcut is its input, those of the other two are convolutions of
kernel 1 with stride 2. All weights are -1, 0 or 1 by BitNet's rule with the scale rounded to a
power of two, all activations have 4 bits: unsigned behind a ReLU, signed where branches are added.
Their steps are powers of two, 1/4 and 1/2, so a sum is exact.
"""

from __future__ import annotations

from ..data.digits import load_digits
from ..recipe import (
    Activation,
    ConvolutionLayer,
    MlpDescription,
    Recipe,
    ResidualBlock,
    Training,
)

__all__ = ["RECIPE"]

_BRANCH = Activation(bit_width=4, full_scale=4.0, signed=True)

RECIPE = Recipe(
    name="digits_ternary_residual",
    summary="MNIST digits, three residual blocks of ternary convolutions, 4-bit activations",
    load_data=load_digits,
    network=MlpDescription(
        hidden_sizes=(),
        weight_quantizer="TernaryMeanWeightPowerOfTwo",
        input_activation=Activation(bit_width=4, full_scale=1.0),
        hidden_activation=Activation(bit_width=4, full_scale=4.0),
        convolutions=(
            ConvolutionLayer(12, kernel=4, stride=2, padding=1),
            ResidualBlock(12, _BRANCH),
            ResidualBlock(24, _BRANCH, stride=2),
            ResidualBlock(32, _BRANCH, stride=2),
        ),
    ),
    training=Training(
        float_epochs=10,
        quantized_epochs=20,
        augmentation=True,
    ),
)
