"""Clothes with ternary weights in three convolutions: 24, 32 and 64 channels, then ten classes.

Strides take the place of pooling, so that few multiplications stand at the large image: 0.9 million
a picture. All weights are -1, 0 or 1 by BitNet's rule with the scale rounded to a power of two, all
activations have 4 bits.
"""

from __future__ import annotations

from ..data.fashion import load_fashion
from ..recipe import Activation, ConvolutionLayer, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="fashion_ternary_cnn",
    summary="Fashion-MNIST, ternary convolutions, 4-bit activations",
    load_data=load_fashion,
    network=MlpDescription(
        hidden_sizes=(),
        weight_quantizer="TernaryMeanWeightPowerOfTwo",
        input_activation=Activation(bit_width=4, full_scale=1.0),
        hidden_activation=Activation(bit_width=4, full_scale=4.0),
        convolutions=(
            ConvolutionLayer(24, kernel=4, stride=2, padding=1),
            ConvolutionLayer(32, stride=2, padding=1),
            ConvolutionLayer(64),
        ),
    ),
    training=Training(float_epochs=1, quantized_epochs=2),
    committed_samples=1000,
)
