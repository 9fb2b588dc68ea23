"""Weight quantisers whose integers are powers of two, so that a product is a shift and a sign.

`ShiftWeight...` round to the nearest of 0, 1, 2 and 4 steps, with the weight's sign, as in shift
networks; `DenseShiftWeight...` leave out the zero, the idea of DenseShift (arXiv 2208.09708): a
weight of zero spends a code on no information. The step is half the mean of |w|, so that all
magnitudes are in use. Both are Brevitas integers of 4 bits whose rounding knows only these letters;
the derivative is one.
"""

from __future__ import annotations

import torch
from brevitas.quant.solver import WeightQuantSolver
from torch import Tensor

from .weights import FloatScale, Integer, MeanScale, PowerOfTwoScale

__all__ = [
    "DenseShiftWeight",
    "DenseShiftWeightPowerOfTwo",
    "NearestShift",
    "ShiftWeight",
    "ShiftWeightPowerOfTwo",
]


class NearestShift(torch.nn.Module):
    """The nearest of 0, 1, 2 and 4, with the sign; without 0 if ``dense``. Derivative one."""

    def __init__(self, dense: bool) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, values: Tensor) -> Tensor:
        magnitudes = values.detach().abs()
        smallest = torch.ones_like(values) if self.dense else (magnitudes > 0.5).to(values.dtype)
        letters = smallest + (magnitudes > 1.5).to(values.dtype)
        letters = letters + 2 * (magnitudes > 3).to(values.dtype)
        signed = torch.where(values.detach() < 0, -letters, letters)
        return values + (signed - values).detach()


class _Nearest(NearestShift):
    # Brevitas' injector wants a constructor with named arguments only.
    def __init__(self) -> None:
        super().__init__(dense=False)


class _NearestDense(NearestShift):
    def __init__(self) -> None:
        super().__init__(dense=True)


class _TwoSteps(torch.nn.Module):
    """The integer that the mean of |w| stands for: 2 at every bit width."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, bit_width: Tensor) -> Tensor:
        return 2 * torch.ones_like(bit_width)


class _Shift(Integer):
    narrow_range = True
    bit_width = 4
    int_scaling_impl = _TwoSteps
    float_to_int_impl = _Nearest


class _DenseShift(_Shift):
    float_to_int_impl = _NearestDense


class ShiftWeight(_Shift, MeanScale, FloatScale, WeightQuantSolver):
    """0, 1, 2 or 4 steps of mean|w| / 2, with a sign; float scale."""


class ShiftWeightPowerOfTwo(_Shift, MeanScale, PowerOfTwoScale, WeightQuantSolver):
    """0, 1, 2 or 4 steps, with a sign; the step a power of two."""


class DenseShiftWeight(_DenseShift, MeanScale, FloatScale, WeightQuantSolver):
    """1, 2 or 4 steps of mean|w| / 2, with a sign, never zero; float scale."""


class DenseShiftWeightPowerOfTwo(_DenseShift, MeanScale, PowerOfTwoScale, WeightQuantSolver):
    """1, 2 or 4 steps, with a sign, never zero; the step a power of two."""
