"""Small random Brevitas networks that branch: residual blocks, concatenations, chosen by a seed."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.quant import Int8ActPerTensorFixedPoint, Int8ActPerTensorFloat
from torch import nn

from .image_networks import convolution
from .networks import activation, calibrate, linear

__all__ = ["SHAPE", "Block", "branch_inputs", "random_branch_network"]

SHAPE = (3, 5, 4)

KINDS = ("plus", "minus", "shared", "eltwise", "cat")


class Block(nn.Module):
    """Two branches that meet in one of `KINDS`: the input itself, and a convolution of it."""

    def __init__(self, kind: str, channels: int, power_of_two: bool, seed: int) -> None:
        super().__init__()
        generator = np.random.default_rng(seed)
        self.kind = kind
        outputs = channels if "cat" not in kind else int(generator.integers(1, 4))
        self.conv = convolution("ternary", channels, outputs, 3, padding=1, bias=True)
        bits = int(generator.integers(2, 6))
        self.act = activation("identity", bits, power_of_two)
        quant = Int8ActPerTensorFixedPoint if power_of_two else Int8ActPerTensorFloat
        options: dict[str, Any] = {"bit_width": 5, "act_quant": quant}
        if kind == "shared":
            self.shared = qnn.QuantIdentity(**options)
        if kind == "eltwise":
            self.meet = qnn.QuantEltwiseAdd(
                input_quant=quant, output_quant=quant, input_bit_width=5, output_bit_width=4
            )
        self.channels = outputs + channels if "cat" in kind else outputs
        self.out = activation("relu", 3, power_of_two)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.conv(x))
        if self.kind == "shared":
            return self.out(self.shared(y) + self.shared(x))
        if self.kind == "plus":
            return self.out(y + x)
        if self.kind == "minus":
            return self.out(torch.relu(x - y))
        if self.kind == "cat":
            return self.out(torch.cat([x, y], dim=1))
        return self.meet(x, y)


def random_branch_network(seed: int, power_of_two: bool = True) -> nn.Sequential:
    """A calibrated network in evaluation mode; takes ``[batch, 3, 5, 4]``, gives ``[batch, 4]``."""
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed)
    layers: list[nn.Module] = [activation("identity", int(generator.integers(3, 6)), power_of_two)]
    channels = SHAPE[0]
    for number in range(2):
        kind = KINDS[(seed + 3 * number) % len(KINDS)]
        block = Block(kind, channels, power_of_two, seed + 10 * number)
        layers.append(block)
        channels = block.channels
    size = channels * SHAPE[1] * SHAPE[2]
    layers += [nn.Flatten(), linear("ternary", size, 4, True)]
    network = nn.Sequential(*layers)
    calibrate(network, torch.randn(64, *SHAPE) * 2)
    return network


def branch_inputs(seed: int, count: int = 100) -> np.ndarray:
    return np.random.default_rng(seed + 3000).normal(0, 2, (count, *SHAPE)).astype(np.float32)
