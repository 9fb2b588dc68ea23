"""The two statistics from which BitNet takes a matrix's scale: mean and median of |w|.

They see the whole matrix and stand outside the gradient: the quantiser around them is then a pure
straight-through estimator, whose derivative is one for every weight. The mean is that of BitNet
b1.58 (arXiv 2402.17764), the median that of BitNet b1.58 Reloaded (arXiv 2407.09527), which helps
small networks because a few large weights do not move it. `UnitStep` makes the statistic the step
between neighbouring integers, where Brevitas would divide it by the largest integer.
"""

from __future__ import annotations

import torch
from brevitas.core.stats.stats_op import register_stats_implementation
from torch import Tensor

__all__ = ["AbsoluteMean", "AbsoluteMedian", "UnitStep"]


@register_stats_implementation(signed=False)
class AbsoluteMean(torch.nn.Module):
    """Mean of the absolute values of all elements: a scalar without gradient."""

    # Brevitas' injector wants a constructor with named arguments only.
    def __init__(self) -> None:
        super().__init__()

    def forward(self, weights: Tensor) -> Tensor:
        return weights.detach().abs().mean()


@register_stats_implementation(signed=False)
class AbsoluteMedian(torch.nn.Module):
    """Lower median of the absolute values of all elements: a scalar without gradient."""

    # Brevitas' injector wants a constructor with named arguments only.
    def __init__(self) -> None:
        super().__init__()

    def forward(self, weights: Tensor) -> Tensor:
        return weights.detach().abs().flatten().median()


class UnitStep(torch.nn.Module):
    """The integer that the statistic stands for: 1 at every bit width."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, bit_width: Tensor) -> Tensor:
        return torch.ones_like(bit_width)
