"""Who says a vowel, real speech: three 1-D convolutions over frames, ternary weights.

Nine speakers, twelve coefficients of linear prediction a frame, up to 29 frames. Weights are -1, 0
or 1 by BitNet's rule with the scale rounded to a power of two; inputs have 8 bits, other
activations 4. There are 270 utterances to train on; kernels and poolings were chosen by
cross-validation among these.
"""

from __future__ import annotations

from ..data.vowels import load_vowels
from ..recipe import Activation, ConvolutionLayer, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="vowels_ternary_cnn",
    summary="speakers of Japanese vowels, ternary 1-D convolutions, 4-bit activations",
    load_data=load_vowels,
    network=MlpDescription(
        hidden_sizes=(),
        weight_quantizer="TernaryMeanWeightPowerOfTwo",
        input_activation=Activation(bit_width=8, full_scale=2.0, signed=True),
        hidden_activation=Activation(bit_width=4, full_scale=4.0),
        convolutions=(
            ConvolutionLayer(32, kernel=5, padding=2),
            ConvolutionLayer(32, padding=1, pool=2),
            ConvolutionLayer(32, padding=1, pool=4),
        ),
    ),
    training=Training(float_epochs=60, quantized_epochs=100, batch_size=32),
)
