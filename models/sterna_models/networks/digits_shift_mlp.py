"""Small digits with shifts for weights: 64-48-32-10, each weight a signed 1, 2 or 4.

DenseShift's letters with learned binary points: the exponents of the activations' steps are trained
with the network, the weights' step is a power of two. So a product is a shift.
"""

from __future__ import annotations

from ..data.digits import load_small_digits
from ..recipe import Activation, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="digits_shift_mlp",
    summary="8x8 digits, weights of +-1, +-2 and +-4, 4-bit activations with learned steps",
    load_data=load_small_digits,
    network=MlpDescription(
        hidden_sizes=(48, 32),
        weight_quantizer="DenseShiftWeightPowerOfTwo",
        input_activation=Activation(bit_width=5, full_scale=1.0),
        hidden_activation=Activation(bit_width=4, full_scale=4.0, learned=True),
    ),
    training=Training(float_epochs=60, quantized_epochs=100, batch_size=64, dropout=0.1),
)
