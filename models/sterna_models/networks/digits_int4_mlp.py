"""Small digits with 4-bit weights: 64-48-32-10, a float scale for each output channel, float bias.

The general case on purpose: scales are not powers of two and batch norms are left as trained, so
thresholds have to absorb float arithmetic, wide weights run in several planes, and the last layer
ends in scaled values. Inputs have five bits (values 0 to 16).
"""

from __future__ import annotations

from ..data.digits import load_small_digits
from ..recipe import Activation, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="digits_int4_mlp",
    summary="8x8 digits, 4-bit weights with per-channel scales, 4-bit activations, float bias",
    load_data=load_small_digits,
    network=MlpDescription(
        hidden_sizes=(48, 32),
        weight_quantizer="IntegerWeightPerChannel",
        weight_bit_width=4,
        input_activation=Activation(bit_width=5, full_scale=1.0),
        hidden_activation=Activation(bit_width=4, full_scale=4.0),
        output_bias=True,
        settled=False,
    ),
    training=Training(float_epochs=100, quantized_epochs=100, batch_size=64, dropout=0.1),
)
