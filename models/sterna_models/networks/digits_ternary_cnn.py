"""Digits with ternary weights in three convolutions: 16, 32 and 32 channels, then ten classes.

The example of the streaming dataflow for images. All weights are -1, 0 or 1 by BitNet's rule with
the scale rounded to a power of two, all activations have 4 bits.
"""

from __future__ import annotations

from ..data.digits import load_digits
from ..recipe import Activation, ConvolutionLayer, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="digits_ternary_cnn",
    summary="MNIST digits, ternary convolutions, 4-bit activations",
    load_data=load_digits,
    network=MlpDescription(
        hidden_sizes=(),
        weight_quantizer="TernaryMeanWeightPowerOfTwo",
        input_activation=Activation(bit_width=4, full_scale=1.0),
        hidden_activation=Activation(bit_width=4, full_scale=4.0),
        convolutions=(
            ConvolutionLayer(16, padding=1, pool=2),
            ConvolutionLayer(32, padding=1, pool=2),
            ConvolutionLayer(32),
        ),
    ),
    training=Training(
        float_epochs=12,
        quantized_epochs=24,
        augmentation=True,
    ),
)
