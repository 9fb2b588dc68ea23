"""Digits with binary weights: 784-256-256-10, 2-bit unsigned activations.

Every weight is -1 or 1 (its sign), with one power-of-two scale a layer that batch norm takes up;
pixels and hidden activations have two bits.
"""

from __future__ import annotations

from ..data.digits import load_digits
from ..recipe import Activation, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="digits_binary_mlp",
    summary="MNIST digits, binary weights, 2-bit activations",
    load_data=load_digits,
    network=MlpDescription(
        hidden_sizes=(256, 256),
        weight_quantizer="BinaryWeightPowerOfTwo",
        input_activation=Activation(bit_width=2, full_scale=1.0),
        hidden_activation=Activation(bit_width=2, full_scale=2.0),
    ),
    training=Training(float_epochs=60, quantized_epochs=120, augmentation=True),
)
