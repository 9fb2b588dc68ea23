"""The torch module of a described residual block, quantised or float.

It is one module with a branch in it, not a sequence: `long` and `short` are sequences of layers,
their results are added, and `relu` follows. Layers inside are called `conv1`, `norm1`, `relu1`,
`conv2`, `norm2`, `quant2` and `conv`, `norm`, `quant`, so those of the block `block3` appear as
`block3.long.conv1` in reports and messages. What layers are made of is the caller's.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from torch import Tensor, nn

from .recipe import Activation, ResidualBlock

__all__ = ["LayerMaker", "Residual", "make_residual"]


class LayerMaker(Protocol):
    """What the layers of a network are made of: of one of the twins, for images or for signals."""

    def convolution(
        self, inputs: int, channels: int, kernel: int, stride: int, padding: int, groups: int = 1
    ) -> nn.Module:
        """A convolution without a bias."""
        ...

    def norm(self, channels: int) -> nn.Module:
        """A batch norm."""
        ...

    def pool(self, size: int) -> nn.Module:
        """A maximum over ``size`` elements along every axis."""
        ...

    def relu(self) -> nn.Module:
        """The activation behind layers."""
        ...

    def quantiser(self, activation: Activation) -> nn.Module:
        """What quantises a branch, if anything does."""
        ...


class Residual(nn.Module):
    """Adds what two sequences make of the input, then ``relu``."""

    def __init__(self, long: nn.Sequential, short: nn.Sequential, relu: nn.Module) -> None:
        super().__init__()
        self.long = long
        self.short = short
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.long(x) + self.short(x))


def make_residual(inputs: int, block: ResidualBlock, make: LayerMaker) -> Residual:
    """The module of a block that reads ``inputs`` channels."""
    channels, padding = block.channels, block.kernel // 2
    long: OrderedDict[str, nn.Module] = OrderedDict()
    long["conv1"] = make.convolution(inputs, channels, block.kernel, block.stride, padding)
    long["norm1"] = make.norm(channels)
    long["relu1"] = make.relu()
    long["conv2"] = make.convolution(channels, channels, block.kernel, 1, padding)
    long["norm2"] = make.norm(channels)
    long["quant2"] = make.quantiser(block.branch)
    short: OrderedDict[str, nn.Module] = OrderedDict()
    if block.stride > 1 or channels != inputs:
        short["conv"] = make.convolution(inputs, channels, 1, block.stride, 0)
        short["norm"] = make.norm(channels)
        short["quant"] = make.quantiser(block.branch)
    return Residual(nn.Sequential(long), nn.Sequential(short), make.relu())
