"""Digits with ternary weights: 784-256-256-10, 4-bit unsigned activations.

The main example: what `sterna demo` runs. Pixels are quantised to 4 bits at the input; every weight
is -1, 0 or 1 by BitNet's rule (round of w over the mean of |w|, here with the scale rounded to a
power of two, which batch norm takes up).
"""

from __future__ import annotations

from ..data.digits import load_digits
from ..recipe import Activation, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="digits_ternary_mlp",
    summary="MNIST digits, ternary weights, 4-bit activations",
    load_data=load_digits,
    network=MlpDescription(
        hidden_sizes=(256, 256),
        weight_quantizer="TernaryMeanWeightPowerOfTwo",
        input_activation=Activation(bit_width=4, full_scale=1.0),
        hidden_activation=Activation(bit_width=4, full_scale=4.0),
    ),
    training=Training(
        float_epochs=60,
        quantized_epochs=100,
        augmentation=True,
    ),
)
