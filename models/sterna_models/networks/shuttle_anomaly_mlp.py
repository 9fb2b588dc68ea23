"""Anomalies in readings of a space shuttle, real data: 9-64-64-32-2, 2-bit weights and activations.

The same shape as the CAN detector on real tabular data: nine signed 8-bit inputs. Weights are
-1, 0 or 1, written as 2-bit narrow signed integers, with the median rule of BitNet b1.58 Reloaded;
hidden activations are 0 to 3. One reading in fourteen is an anomaly, so the card also states the
recalls.
"""

from __future__ import annotations

from ..data.tabular import load_shuttle
from ..recipe import Activation, MlpDescription, Recipe, Training

__all__ = ["RECIPE"]

RECIPE = Recipe(
    name="shuttle_anomaly_mlp",
    summary="NASA shuttle anomalies, ternary (2-bit narrow) weights, 2-bit activations",
    load_data=load_shuttle,
    network=MlpDescription(
        hidden_sizes=(64, 64, 32),
        weight_quantizer="TernaryMedianWeightPowerOfTwo",
        input_activation=Activation(bit_width=8, full_scale=2.0, signed=True),
        hidden_activation=Activation(bit_width=2, full_scale=4.0),
    ),
    training=Training(float_epochs=10, quantized_epochs=20, batch_size=256, balanced=True),
)
