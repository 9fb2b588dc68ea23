"""Live modules whose layers do not fit each other: one line that names the layer and says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from torch import nn

import sterna
from sterna.unsupported import UnsupportedError

IMAGE = (2, 6, 6)


def conv(inputs: int = 2, size: int = 3, **options: Any) -> QuantConv2d:
    return QuantConv2d(inputs, 4, size, weight_bit_width=4, **options)


def chain(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(QuantIdentity(bit_width=4), *layers)


class Branches(nn.Module):
    """Two convolutions side by side, and a function that brings them together."""

    def __init__(self, join: Callable[..., torch.Tensor], padding: int) -> None:
        super().__init__()
        self.entry = QuantIdentity(bit_width=4)
        self.a, self.b = conv(), conv(padding=padding)
        self.a_quant, self.b_quant = QuantIdentity(bit_width=4), QuantIdentity(bit_width=4)
        self.join = join

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        return self.join(self.a_quant(self.a(x)), self.b_quant(self.b(x)))


class Reshaped(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, 9)


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "inputs": (lambda: chain(QuantLinear(5, 3, bias=False)), (4,), "1: .* must be 5, not .*4,"),
    "channels": (lambda: chain(conv(3)), IMAGE, "1: input must have 3 channels, not 2"),
    "groups": (lambda: chain(conv(4, groups=2)), IMAGE, "1: input must have 4 channels, not 2"),
    "no_image": (lambda: chain(conv()), (4,), "1: input must be an image"),
    "kernel": (lambda: chain(conv(size=7)), IMAGE, "1: Extent .* at most 6, not 7"),
    "padding": (lambda: chain(conv(padding=4)), IMAGE, "1: Padding .* must be 0 to 2, not 4"),
    "padding_mode": (
        lambda: chain(conv(padding=1, padding_mode="reflect")),
        IMAGE,
        "1: padding must be zeros, not reflect",
    ),
    "pooling": (lambda: chain(nn.MaxPool2d(7)), IMAGE, "1: Extent .* at most 6, not 7"),
    "batch_norm": (
        lambda: chain(conv(), nn.BatchNorm2d(5), QuantIdentity(bit_width=4)),
        IMAGE,
        r"2: Constant must be .* \(4, 4, 4\), not shape \(5,\)",
    ),
    "sum": (
        lambda: Branches(torch.add, 1),
        IMAGE,
        r"branches must have one shape, not \(4, 4, 4\) and \(6, 6, 4\)",
    ),
    "side_by_side": (
        lambda: Branches(lambda a, b: torch.cat([a, b], 1), 1),
        IMAGE,
        "branches must agree in all axes but the channels",
    ),
    "along_an_image": (
        lambda: Branches(lambda a, b: torch.cat([a, b], 2), 0),
        IMAGE,
        r"cat must fit \(branches must be joined along axis 1, not 2\); give it",
    ),
    "reshape": (
        lambda: chain(Reshaped()),
        (4,),
        r"reshape must fit \(reshape to .* must hold 4 elements a sample\); give it",
    ),
    "shuffle": (lambda: chain(nn.PixelShuffle(2)), IMAGE, "1: channels must be a multiple of 4"),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    make, shape, words = MODULES[name]
    with pytest.raises(UnsupportedError, match=words) as caught:
        sterna.from_brevitas(make(), shape)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(), (0,), (-4,), 4, "4", (4.5,)], ids=str)
def test_shapes_of_inputs(shape: Any) -> None:
    module = chain(QuantLinear(4, 3, bias=False))
    with pytest.raises(ValueError, match="Input shape must hold positive axes"):
        sterna.from_brevitas(module, shape)
