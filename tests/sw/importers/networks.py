"""Small random Brevitas networks for tests: everything the importers take, chosen by a seed.
 With ``power_of_two`` every scale is a power of two and every bias a multiple of one, so that
float32 matrix products are exact and outputs must be equal. Batch norms have random statistics,
some negative and some zero gains.
"""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.inject.enum import QuantType, RestrictValueType
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8ActPerTensorFloat,
    Int8WeightPerTensorFloat,
    SignedBinaryActPerTensorConst,
    SignedBinaryWeightPerTensorConst,
    SignedTernaryWeightPerTensorConst,
    Uint8ActPerTensorFixedPoint,
    Uint8ActPerTensorFloat,
)
from torch import nn

__all__ = ["INPUT_SIZE", "WEIGHTS", "activation", "linear", "random_inputs", "random_network"]

torch.set_num_threads(1)

INPUT_SIZE = 12

WEIGHTS = (
    "binary",
    "ternary",
    "ternary 0.3",
    "ternary 0.5",
    "ternary 0.8",
    *(f"int{bits}" for bits in range(2, 9)),
    *(f"int{bits} full" for bits in range(2, 9)),
    *(f"int{bits} channels" for bits in range(2, 9)),
)
"""Kinds of weights: ``ternary`` is the 2-bit narrow spelling, a number behind it Brevitas'
threshold quantiser; ``full`` uses the lowest integer too; ``channels`` has a scale an output."""


def linear(
    weights: str, inputs: int, outputs: int, bias: bool, power_of_two: bool = True, **more: Any
) -> qnn.QuantLinear:
    """A quantised linear layer with random weights of one of `WEIGHTS`."""
    scale = 0.125 if power_of_two else 0.11
    options: dict[str, Any]
    if weights == "binary":
        options = {"weight_quant": SignedBinaryWeightPerTensorConst, "weight_scaling_const": scale}
    elif weights.startswith("ternary"):
        options = {"weight_quant": SignedTernaryWeightPerTensorConst, "weight_scaling_const": scale}
        if " " in weights:
            threshold = float(weights.split()[1])
            options |= {"weight_quant_type": QuantType.TERNARY, "weight_threshold": threshold}
    else:
        options = {
            "weight_quant": Int8WeightPerTensorFloat,
            "weight_bit_width": int(weights[3]),
            "weight_narrow_range": "full" not in weights,
            "weight_scaling_per_output_channel": "channels" in weights,
        }
        if power_of_two:
            options["weight_restrict_scaling_type"] = RestrictValueType.POWER_OF_TWO
    layer = qnn.QuantLinear(inputs, outputs, bias=bias, **options, **more)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(outputs, inputs) * 0.15)
        if bias:
            layer.bias.copy_(torch.randn(outputs))
            if power_of_two:
                layer.bias.copy_(torch.round(layer.bias * 64) / 64)
    return layer


def activation(
    kind: str, bits: int, power_of_two: bool = True, **more: Any
) -> qnn.QuantIdentity | qnn.QuantReLU | qnn.QuantHardTanh:
    """A quantising activation: ``relu``, ``identity``, ``hardtanh`` or ``binary``."""
    if kind == "binary":
        scale = 0.5 if power_of_two else 0.37
        return qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst, scaling_const=scale)
    options: dict[str, Any] = {"bit_width": bits, **more}
    if kind == "relu":
        quant = Uint8ActPerTensorFixedPoint if power_of_two else Uint8ActPerTensorFloat
        return qnn.QuantReLU(act_quant=quant, **options)
    quant = Int8ActPerTensorFixedPoint if power_of_two else Int8ActPerTensorFloat
    if kind == "identity":
        return qnn.QuantIdentity(act_quant=quant, **options)
    restrict = RestrictValueType.POWER_OF_TWO if power_of_two else RestrictValueType.FP
    return qnn.QuantHardTanh(min_val=-2.0, max_val=2.0, restrict_scaling_type=restrict, **options)


def batch_norm(rng: np.random.Generator, channels: int) -> nn.BatchNorm1d:
    """A batch norm in evaluation mode with random statistics and gains of either sign."""
    layer = nn.BatchNorm1d(channels)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    with torch.no_grad():
        layer.running_mean.copy_(torch.tensor(rng.normal(0, 0.5, channels)))
        layer.running_var.copy_(torch.tensor(rng.uniform(0.2, 2, channels)))
        gains = rng.normal(0.5, 0.8, channels)
        gains[rng.random(channels) < 0.1] = 0.0
        layer.weight.copy_(torch.tensor(gains))
        layer.bias.copy_(torch.tensor(rng.normal(0, 0.5, channels)))
    return layer.eval()


def random_network(seed: int, power_of_two: bool = True) -> nn.Sequential:
    """A calibrated network in evaluation mode; takes ``[batch, 3, 4]``, gives ``[batch, 5]``."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    size = INPUT_SIZE
    layers: list[nn.Module] = [nn.Flatten()]
    kind = str(rng.choice(["identity", "relu", "binary", "hardtanh"], p=[0.5, 0.2, 0.1, 0.2]))
    # Torch's Hardtanh and Brevitas' signed quantisers need two bits or more.
    layers.append(activation(kind, int(rng.integers(2, 9)), power_of_two))
    for _ in range(int(rng.integers(1, 4))):
        outputs = int(rng.integers(3, 9))
        weights = str(rng.choice(WEIGHTS))
        layers.append(linear(weights, size, outputs, bool(rng.random() < 0.5), power_of_two))
        if rng.random() < 0.6:
            layers.append(batch_norm(rng, outputs))
        if rng.random() < 0.3:
            layers.append(nn.Dropout(0.2))
        kind = str(rng.choice(["identity", "relu", "binary", "hardtanh"]))
        bits = int(rng.integers(1 if kind == "relu" else 2, 9))
        layers.append(activation(kind, bits, power_of_two))
        size = outputs
    weights = str(rng.choice(WEIGHTS))
    layers.append(linear(weights, size, 5, bool(rng.random() < 0.5), power_of_two))
    if rng.random() < 0.25:
        layers.append(activation("identity", 8, power_of_two))
    network = nn.Sequential(*layers)
    calibrate(network, torch.randn(64, 3, 4) * 2)
    return network


def calibrate(network: nn.Module, inputs: torch.Tensor) -> None:
    """Lets activation quantisers collect their scales, without touching batch norms."""
    network.train()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.eval()
    with torch.no_grad():
        for _ in range(3):
            network(inputs)
    network.eval()


def random_inputs(seed: int, count: int = 300) -> np.ndarray:
    """Real inputs ``[count, 3, 4]``, some of them exactly between two codes of a power of two."""
    rng = np.random.default_rng(seed + 1000)
    x = rng.normal(0, 2, (count, 3, 4))
    x[: count // 3] = np.round(x[: count // 3] * 64) / 64
    return x.astype(np.float32)
