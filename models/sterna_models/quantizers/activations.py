"""Activation quantisers for Brevitas layers: 1 to 8 bits, step a fixed or learned power of two.

Each class is a Brevitas injector; bit width and full scale are given at the layer:
``QuantReLU(act_quant=UnsignedActivation, bit_width=4, max_val=4.0)`` has the codes 0 to 15 and the
step ``4.0 / 2**4``, ``QuantIdentity(act_quant=SignedActivation, bit_width=8, max_val=2.0)`` (with
``min_val=-2.0``) the codes -128 to 127 and the step ``2.0 / 2**7``. Since the full scale is divided
by a power of two, the step is one exactly when the full scale is. Values round half to even and
saturate at both ends.
"""

from __future__ import annotations

from brevitas.core.function_wrapper import RoundSte
from brevitas.core.zero_point import ZeroZeroPoint
from brevitas.inject import ExtendedInjector
from brevitas.inject.enum import (
    BitWidthImplType,
    FloatToIntImplType,
    QuantType,
    RestrictValueType,
    ScalingImplType,
    ScalingPerOutputType,
)
from brevitas.quant.solver import ActQuantSolver

__all__ = [
    "LearnedSignedActivation",
    "LearnedUnsignedActivation",
    "SignedActivation",
    "UnsignedActivation",
]


class _PowerOfTwoStep(ExtendedInjector):
    quant_type = QuantType.INT
    bit_width_impl_type = BitWidthImplType.CONST
    float_to_int_impl_type = FloatToIntImplType.ROUND
    zero_point_impl = ZeroZeroPoint
    restrict_scaling_type = RestrictValueType.POWER_OF_TWO
    restrict_value_float_to_int_impl = RoundSte
    scaling_per_output_type = ScalingPerOutputType.TENSOR
    scaling_impl_type = ScalingImplType.CONST
    narrow_range = False
    bit_width = 8


class _UnitRange(ExtendedInjector):
    """Full scale where the layer gives none."""

    min_val = -1.0
    max_val = 1.0


class UnsignedActivation(_PowerOfTwoStep, _UnitRange, ActQuantSolver):
    """Codes 0 to ``2**bit_width - 1``; the step is ``max_val / 2**bit_width``, fixed."""

    signed = False


class SignedActivation(_PowerOfTwoStep, _UnitRange, ActQuantSolver):
    """Codes ``-2**(bit_width - 1)`` to one less than its negative; the step is
    ``max_val / 2**(bit_width - 1)``, fixed."""

    signed = True


class LearnedUnsignedActivation(UnsignedActivation):
    """Like `UnsignedActivation`, the exponent of the step trained from that start."""

    scaling_impl_type = ScalingImplType.PARAMETER


class LearnedSignedActivation(SignedActivation):
    """Like `SignedActivation`, the exponent of the step trained from that start."""

    scaling_impl_type = ScalingImplType.PARAMETER
