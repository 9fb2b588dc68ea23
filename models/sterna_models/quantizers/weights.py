"""Weight quantisers for Brevitas layers: binary, ternary, two-bit and wider integers.

Every class is a Brevitas injector: a bag of named settings from which Brevitas builds the quantiser
of one layer. A class that has the suffix `PowerOfTwo` restricts the scale to a power of two; with
power-of-two activation scales the float arithmetic of a layer is then exact, so that an integer
model can equal it bit for bit. The others keep a float scale.

Both spellings of ternary that Brevitas has are here. `TernaryMean...` and `TernaryMedian...` are
2-bit narrow signed integers, ``round(w / scale)`` clipped to -1..1, with BitNet's scale.
`TernaryThreshold...` are Brevitas' ternary kind, zero where ``|w| <= threshold * scale``; the
default threshold, 0.7 of the mean, is that of ternary weight networks (arXiv 1605.04711). Their
derivative is what Brevitas makes it: none for a weight that is zero, the scale for any other. For
the ternary integers it is one, for binary weights the scale.

A setting can be changed at the layer: ``QuantLinear(..., weight_quant=TernaryThresholdWeight,
weight_threshold=0.5)``.
"""

from __future__ import annotations

from brevitas.core.function_wrapper import CeilSte, RoundSte
from brevitas.core.zero_point import ZeroZeroPoint
from brevitas.inject import ExtendedInjector
from brevitas.inject.enum import (
    BitWidthImplType,
    FloatToIntImplType,
    QuantType,
    RestrictValueType,
    ScalingImplType,
    ScalingPerOutputType,
    StatsOp,
)
from brevitas.quant.solver import WeightQuantSolver

from .statistics import AbsoluteMean, AbsoluteMedian, UnitStep

__all__ = [
    "BinaryWeight",
    "BinaryWeightPowerOfTwo",
    "FloatScale",
    "Integer",
    "IntegerWeight",
    "IntegerWeightLearnedPowerOfTwo",
    "IntegerWeightPerChannel",
    "IntegerWeightPowerOfTwo",
    "MeanScale",
    "PowerOfTwoScale",
    "TernaryMeanWeight",
    "TernaryMeanWeightPowerOfTwo",
    "TernaryMedianWeight",
    "TernaryMedianWeightPowerOfTwo",
    "TernaryThresholdWeight",
    "TernaryThresholdWeightPowerOfTwo",
    "TwoBitWeight",
    "TwoBitWeightPowerOfTwo",
]


class FloatScale(ExtendedInjector):
    """One float scale for the whole matrix, from a statistic of the weights."""

    scaling_impl_type = ScalingImplType.STATS
    restrict_scaling_type = RestrictValueType.FP
    scaling_per_output_type = ScalingPerOutputType.TENSOR
    scaling_min_val = 1e-5


class PowerOfTwoScale(FloatScale):
    """The same, rounded to the nearest power of two in the logarithm."""

    restrict_scaling_type = RestrictValueType.POWER_OF_TWO
    restrict_value_float_to_int_impl = RoundSte


class MeanScale(ExtendedInjector):
    """The scale's statistic is the mean of the absolute values."""

    scaling_stats_op = StatsOp.AVE
    scaling_stats_impl = AbsoluteMean


class _MedianScale(ExtendedInjector):
    scaling_stats_op = StatsOp.AVE
    scaling_stats_impl = AbsoluteMedian


class Integer(ExtendedInjector):
    """Signed integers, rounded half to even."""

    quant_type = QuantType.INT
    bit_width_impl_type = BitWidthImplType.CONST
    float_to_int_impl_type = FloatToIntImplType.ROUND
    zero_point_impl = ZeroZeroPoint
    signed = True
    narrow_range = False


class _NarrowTwoBit(Integer):
    narrow_range = True
    bit_width = 2
    int_scaling_impl = UnitStep


class _FullTwoBit(Integer):
    bit_width = 2
    int_scaling_impl = UnitStep


class TernaryMeanWeight(_NarrowTwoBit, MeanScale, FloatScale, WeightQuantSolver):
    """BitNet b1.58: round(w / mean|w|) clipped to -1, 0, 1; float scale."""


class TernaryMeanWeightPowerOfTwo(_NarrowTwoBit, MeanScale, PowerOfTwoScale, WeightQuantSolver):
    """BitNet b1.58 with the scale rounded to a power of two."""


class TernaryMedianWeight(_NarrowTwoBit, _MedianScale, FloatScale, WeightQuantSolver):
    """BitNet b1.58 Reloaded: round(w / median|w|) clipped to -1, 0, 1; float scale."""


class TernaryMedianWeightPowerOfTwo(
    _NarrowTwoBit, _MedianScale, PowerOfTwoScale, WeightQuantSolver
):
    """BitNet b1.58 Reloaded with the scale rounded to a power of two."""


class _Threshold(ExtendedInjector):
    quant_type = QuantType.TERNARY
    bit_width = 2
    narrow_range = True
    signed = True
    threshold = 0.7


class TernaryThresholdWeight(_Threshold, MeanScale, FloatScale, WeightQuantSolver):
    """Brevitas' ternary kind: sign(w) where |w| > threshold * mean|w|, otherwise 0; float scale."""


class TernaryThresholdWeightPowerOfTwo(_Threshold, MeanScale, PowerOfTwoScale, WeightQuantSolver):
    """Brevitas' ternary kind with the scale, which also sets the threshold, a power of two."""


class _Binary(ExtendedInjector):
    quant_type = QuantType.BINARY
    bit_width = 1
    narrow_range = True
    signed = True


class BinaryWeight(_Binary, MeanScale, FloatScale, WeightQuantSolver):
    """The sign of each weight (+1 for zero), float scale mean|w|."""


class BinaryWeightPowerOfTwo(_Binary, MeanScale, PowerOfTwoScale, WeightQuantSolver):
    """The sign of each weight (+1 for zero), scale a power of two."""


class TwoBitWeight(_FullTwoBit, MeanScale, FloatScale, WeightQuantSolver):
    """Two-bit integers -2, -1, 0, 1 in steps of mean|w|; float scale."""


class TwoBitWeightPowerOfTwo(_FullTwoBit, MeanScale, PowerOfTwoScale, WeightQuantSolver):
    """Two-bit integers -2, -1, 0, 1 in steps of a power of two."""


class _Wide(Integer):
    narrow_range = True
    bit_width = 4
    scaling_stats_op = StatsOp.MAX


class IntegerWeight(_Wide, FloatScale, WeightQuantSolver):
    """Signed narrow integers of `bit_width` (4) bits, float scale from the largest weight."""


class IntegerWeightPowerOfTwo(_Wide, PowerOfTwoScale, WeightQuantSolver):
    """Signed narrow integers of `bit_width` (4) bits, scale a power of two."""

    restrict_value_float_to_int_impl = CeilSte


class IntegerWeightLearnedPowerOfTwo(_Wide, PowerOfTwoScale, WeightQuantSolver):
    """Signed narrow integers of `bit_width` (4) bits with a learned binary point.

    Fixed-point numbers as in QFX (arXiv 2401.17544): the step is a power of two whose exponent is
    trained together with the weights, from the largest weight as its start, and rounded to a whole
    number when it is used, its derivative passing the rounding unchanged.
    """

    scaling_impl_type = ScalingImplType.PARAMETER_FROM_STATS


class IntegerWeightPerChannel(_Wide, FloatScale, WeightQuantSolver):
    """Signed narrow integers of `bit_width` (4) bits, one float scale for each output."""

    scaling_per_output_type = ScalingPerOutputType.CHANNEL
