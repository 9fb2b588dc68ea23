"""Small random Brevitas networks on images: convolutions, pooling, batch norm, chosen by a seed.

All scales are powers of two and biases multiples of one, so that float32 sums are exact and outputs
must be equal.
"""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from torch import nn

from .networks import WEIGHTS, activation, batch_norm, calibrate, linear

__all__ = ["IMAGE", "convolution", "image_inputs", "random_image_network"]

IMAGE = (2, 7, 6)


def convolution(weights: str, inputs: int, outputs: int, kernel: Any, **more: Any) -> nn.Module:
    """A quantised convolution with the weight quantiser of one of `WEIGHTS`."""
    groups = more.get("groups", 1)
    like = linear(weights, 4, outputs, bool(more.pop("bias", False)))
    more["weight_quant"] = like.weight_quant
    layer = qnn.QuantConv2d(inputs, outputs, kernel, bias=like.bias is not None, **more)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(outputs, inputs // groups, *layer.kernel_size) * 0.15)
        if like.bias is not None and layer.bias is not None:
            layer.bias.copy_(like.bias)
    return layer


def random_image_network(seed: int) -> nn.Sequential:
    """A calibrated network in evaluation mode; takes ``[batch, 2, 7, 6]``, gives ``[batch, 4]``."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    kinds = ["identity", "relu", "hardtanh", "binary"]
    layers: list[nn.Module] = [activation(str(rng.choice(kinds)), int(rng.integers(2, 9)))]
    channels, height, width = IMAGE
    for _ in range(int(rng.integers(1, 3))):
        kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        kernel = (min(kernel[0], height), min(kernel[1], width))
        padding = (int(rng.integers(kernel[0])), int(rng.integers(kernel[1])))
        stride = int(rng.choice([1, 1, 2]))
        groups = int(rng.choice([n for n in range(1, channels + 1) if channels % n == 0]))
        outputs = groups * int(rng.integers(1, 4))
        weights = str(rng.choice([kind for kind in WEIGHTS if "channels" not in kind]))
        layers.append(
            convolution(
                weights,
                channels,
                outputs,
                kernel,
                stride=stride,
                padding=padding,
                groups=groups,
                bias=bool(rng.random() < 0.5),
            )
        )
        height, width = (
            (size + 2 * pad - taps) // stride + 1
            for size, pad, taps in zip((height, width), padding, kernel)
        )
        channels = outputs
        if rng.random() < 0.6:
            norm = nn.BatchNorm2d(channels)
            norm.load_state_dict(batch_norm(rng, channels).state_dict())
            layers.append(norm.eval())
        kind = str(rng.choice(kinds))
        layers.append(activation(kind, int(rng.integers(1 if kind == "relu" else 2, 9))))
        if min(height, width) > 1 and rng.random() < 0.5:
            if rng.random() < 0.6:
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.AvgPool2d(2), activation("identity", 6)]
            height, width = height // 2, width // 2
    layers += [nn.Flatten(), linear(str(rng.choice(WEIGHTS)), channels * height * width, 4, True)]
    network = nn.Sequential(*layers)
    calibrate(network, torch.randn(64, *IMAGE) * 2)
    return network


def image_inputs(seed: int, count: int = 120) -> np.ndarray:
    """Real inputs ``[count, 2, 7, 6]``, some of them exactly between two codes."""
    rng = np.random.default_rng(seed + 2000)
    x = rng.normal(0, 2, (count, *IMAGE))
    x[: count // 3] = np.round(x[: count // 3] * 64) / 64
    return x.astype(np.float32)
