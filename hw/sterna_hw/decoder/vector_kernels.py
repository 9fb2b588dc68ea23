"""The element-wise arithmetic of a decoder, as kernels: what each does is its own few lines.

Each function is the meaning on integers and, traced, a pipeline (`sterna_hw.kernel`). They follow
``docs/numerics.md``, "Decoders". `VectorArithmetic` fixes the ranges: raw results and the residual
are 24-bit numbers, gains and rotations 16-bit ones, and so every width inside is proven. What the
vector unit knows to be small although a range does not show it is said where it is used: a rotated
pair stays within 24 bits because raw results are much smaller (the unit's configuration checks it),
and an aligned element has 18 bits because its vector's maximum has 17.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..base import IntegerRange, Rounding
from ..kernel import Kernel, KernelPipeline, clip, kernel, minimum, round_shift, select, table

__all__ = [
    "ELEMENT",
    "SHIFT_LIMIT",
    "VectorArithmetic",
    "add_residual",
    "apply_scale",
    "gate_silu",
    "gate_squared_relu",
    "make_code",
    "rotate",
    "measure",
    "weigh",
]

ELEMENT = IntegerRange.of_width(24, signed=True)
HALFWORD = IntegerRange.of_width(16, signed=True)
MANTISSA = IntegerRange.of_width(16, signed=False)
SHIFT_LIMIT = 40
"""A product of an element and a mantissa, shifted by so many places or more, is rounded to 0."""

HALF_UP = Rounding.HALF_UP


def _sigmoid(index: int) -> int:
    """H of the numbers: 65536 times the sigmoid in the middle of an interval of 1/128."""
    return math.floor(65536 / (1 + math.exp(-(index + 0.5) / 128)) + 0.5)


SIGMOID = tuple(_sigmoid(index) for index in range(1024))


@kernel
def apply_scale(value: Any, mantissa: Any, shift: Any) -> Any:
    """``value * mantissa / 2**shift``, clipped to an element."""
    scaled = round_shift(value * mantissa, shift, HALF_UP)
    return clip(scaled, ELEMENT.low, ELEMENT.high)


@kernel
def add_residual(residual: Any, value: Any) -> Any:
    """Their sum, clipped to an element."""
    return clip(residual + value, ELEMENT.low, ELEMENT.high)


@kernel
def rotate(first: Any, second: Any, cosine: Any, sine: Any) -> Any:
    """The pair turned by the angle of ``(cosine, sine)``, which have 14 fraction bits.

    Results are cut to 24 bits: raw results of a matrix are far below the limit.
    """
    turned = (first * cosine - second * sine, first * sine + second * cosine)
    low, high = (_wrapped(round_shift(value, 14, HALF_UP), 24) for value in turned)
    return {"first": low, "second": high}


def _wrapped(value: Any, width: int) -> Any:
    """The low bits as a signed number: what is known to fit is cut to fit."""
    top = width - 1
    return (value & ((1 << top) - 1)) - (((value >> top) & 1) << top)


@kernel
def gate_silu(gate: Any, up: Any, *, shift: int) -> Any:
    """``gate * sigmoid(gate) * up``; gate with 10 fraction bits."""
    z = clip(gate, HALFWORD.low, HALFWORD.high)
    value = table(SIGMOID, minimum(abs(z) >> 3, 1023))
    activated = round_shift(z * select(z < 0, 65536 - value, value), 12, HALF_UP)
    return clip(round_shift(activated * up, shift, HALF_UP), ELEMENT.low, ELEMENT.high)


@kernel
def gate_squared_relu(gate: Any, up: Any, *, shift: int) -> Any:
    """``max(gate, 0)**2 * up``; gate with 10 fraction bits."""
    z = clip(gate, 0, HALFWORD.high)
    activated = round_shift(z * z, 6, HALF_UP)
    return clip(round_shift(activated * up, shift, HALF_UP), ELEMENT.low, ELEMENT.high)


@kernel
def weigh(value: Any, gain: Any) -> Any:
    """An element times its gain."""
    return value * gain


@kernel
def measure(value: Any, weighed: Any) -> Any:
    """What the statistics of a vector are made of."""
    return {"square": value * value, "magnitude": abs(weighed)}


@kernel
def make_code(weighed: Any, length: Any, reciprocal: Any) -> Any:
    """The int8 code of an element of a vector whose largest magnitude has ``length`` bits.

    The aligned element has 18 bits: at most ``maximum_width`` places are shifted in and as many as
    the maximum has are shifted out. Its product with the reciprocal, rounded, needs no clipping:
    an aligned element is at most one beyond the aligned maximum, and that changes no code.
    """
    aligned = _wrapped((weighed << 17) >> length, 18)
    return _wrapped(round_shift(aligned * reciprocal, 24, HALF_UP), 8)


GATES: Mapping[str, Kernel] = {"silu": gate_silu, "squared_relu": gate_squared_relu}
"""The kernel of each activation of a decoder."""


@dataclass(frozen=True)
class VectorArithmetic:
    """The pipelines of a vector unit.

    Parameters
    ----------
    count : :class:`int`
        Elements side by side, even.
    activation : :class:`str`
        One of `GATES`.
    gate_shift : :class:`int`
        G of the numbers.
    """

    count: int
    activation: str
    gate_shift: int

    @cached_property
    def apply(self) -> KernelPipeline:
        ranges = {"value": ELEMENT, "mantissa": MANTISSA, "shift": IntegerRange(0, SHIFT_LIMIT)}
        return KernelPipeline(apply_scale, ranges, self.count, held=("mantissa", "shift"))

    @cached_property
    def add(self) -> KernelPipeline:
        return KernelPipeline(add_residual, {"residual": ELEMENT, "value": ELEMENT}, self.count)

    @cached_property
    def rotate(self) -> KernelPipeline:
        ranges = {"first": ELEMENT, "second": ELEMENT, "cosine": HALFWORD, "sine": HALFWORD}
        return KernelPipeline(rotate, ranges, self.count // 2)

    @cached_property
    def gate(self) -> KernelPipeline:
        function, constants = GATES[self.activation], {"shift": self.gate_shift}
        ranges = {"gate": ELEMENT, "up": ELEMENT}
        return KernelPipeline(function, ranges, self.count // 2, constants=constants)

    @cached_property
    def weigh(self) -> KernelPipeline:
        return KernelPipeline(weigh, {"value": ELEMENT, "gain": HALFWORD}, self.count)

    @property
    def weighed(self) -> IntegerRange:
        return self.weigh.outputs["data"]

    @cached_property
    def measure(self) -> KernelPipeline:
        return KernelPipeline(measure, {"value": ELEMENT, "weighed": self.weighed}, self.count)

    @property
    def maximum_width(self) -> int:
        """Bits of the largest magnitude."""
        return self.measure.outputs["magnitude"].width

    @cached_property
    def code(self) -> KernelPipeline:
        ranges = {
            "weighed": self.weighed,
            "length": IntegerRange(0, self.maximum_width),
            "reciprocal": IntegerRange(0, (1 << 15) - 1),
        }
        return KernelPipeline(make_code, ranges, self.count, held=("length", "reciprocal"))

    @property
    def pipelines(self) -> tuple[KernelPipeline, ...]:
        """All of them."""
        return (
            self.apply, self.add, self.rotate, self.gate, self.weigh, self.measure, self.code,
        )  # fmt: skip
