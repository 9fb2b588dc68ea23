"""Gives a built network batch norms as after training, so that it can be settled and compared."""

from __future__ import annotations

import torch
from torch import nn

from sterna_models.settle import settle_batch_norms

__all__ = ["settled"]


def settled(module: nn.Module, seed: int) -> nn.Module:
    """The network in evaluation mode, its batch norms drawn from the seed and settled."""
    generator = torch.Generator().manual_seed(seed)

    def draw(values: torch.Tensor, low: float, high: float) -> None:
        values.copy_(torch.rand(values.shape, generator=generator) * (high - low) + low)

    with torch.no_grad():
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                assert norm.running_mean is not None and norm.running_var is not None
                draw(norm.running_mean, -0.5, 0.5)
                draw(norm.running_var, 0.05, 0.5)
                draw(norm.weight, 0.5, 1.5)
                draw(norm.bias, -0.5, 1.0)
    module.eval()
    settle_batch_norms(module)
    return module
