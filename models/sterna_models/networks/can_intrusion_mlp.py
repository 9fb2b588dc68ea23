"""CAN bus intrusion on SYNTHETIC frames: 111-64-64-32-5, 2-bit weights and activations.

A multi-class detector in the style of the CQMLP of vehicle networks: every frame is judged as
normal, denial of service, fuzzy, or one of two kinds of spoofing. Weights are -2, -1, 0 or 1,
hidden activations 0 to 3, inputs single bits. The frames are generated, not captured: see
`sterna_models.data.can_frames`; the accuracy says nothing about a real vehicle.
"""

from __future__ import annotations

from ..data.can_frames import load_can_frames
from ..recipe import Activation, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="can_intrusion_mlp",
    summary="SYNTHETIC CAN frames, five classes, 2-bit weights and activations",
    load_data=load_can_frames,
    network=MlpDescription(
        hidden_sizes=(64, 64, 32),
        weight_quantizer="TwoBitWeightPowerOfTwo",
        input_activation=Activation(bit_width=1, full_scale=2.0),
        hidden_activation=Activation(bit_width=2, full_scale=4.0),
    ),
    training=Training(
        float_epochs=8, quantized_epochs=15, batch_size=256, balanced=True, dropout=0.1
    ),
)
