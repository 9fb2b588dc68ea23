"""Kernels: element-wise integer arithmetic written once in Python, and made into pipelines."""

from ..base import Rounding
from .function import Kernel, kernel
from .functions import (
    as_table,
    bit_length,
    clip,
    leading_zeros,
    maximum,
    minimum,
    round_shift,
    select,
    table,
    wrap,
)
from .part import KernelConfig
from .pipeline import KernelPipeline
from .values import Integer

FLOOR, HALF_UP, HALF_EVEN = Rounding.FLOOR, Rounding.HALF_UP, Rounding.HALF_EVEN

__all__ = [
    "FLOOR",
    "HALF_EVEN",
    "HALF_UP",
    "Integer",
    "Kernel",
    "KernelConfig",
    "KernelPipeline",
    "as_table",
    "bit_length",
    "clip",
    "kernel",
    "leading_zeros",
    "maximum",
    "minimum",
    "round_shift",
    "select",
    "table",
    "wrap",
]
