"""The product of two run-time scales, ``m * 2**e`` each, in a pipeline without enables.

Mantissas of normal scales lie in [2**15, 2**16), so their product lies in [2**30, 2**32): one look
at its top bit says whether it is shifted by 15 or 16 to be normal again; what is shifted out is
dropped. A zero scale is (0, 0) and makes the product so.

Latency 4: the operands', the product's two (those of a DSP block), and the result's register.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay
from .vector_command import scale_layout

__all__ = ["Scale", "ScaleProduct", "ScaleProductConfig"]

Scale = tuple[int, int]
"""Mantissa and exponent."""


@dataclass(frozen=True)
class ScaleProductConfig:
    """Product of two scales; there is nothing to choose."""

    @property
    def latency(self) -> int:
        return 4

    def compute(self, a: Scale, b: Scale) -> Scale:
        product, exponent = a[0] * b[0], a[1] + b[1]
        if product == 0:
            return 0, 0
        places = 16 if product >> 31 else 15
        return product >> places, exponent + places

    def cost(self, device: Device) -> Cost:
        """Estimate."""
        return Cost(lut=16 + 24 + 28, ff=3 * 13 + 28, dsp=1)

    def create(self) -> ScaleProduct:
        return ScaleProduct(self)


class ScaleProduct(wiring.Component):
    """The pipeline: what stands on ``a`` and ``b`` in cycle c is on ``o`` in cycle c + 4.

    Attributes
    ----------
    a, b : in
        See `scale_layout`.
    o : out
    """

    a: data.View
    b: data.View
    o: data.View

    def __init__(self, config: ScaleProductConfig) -> None:
        self.config = config
        super().__init__(
            {"a": In(scale_layout()), "b": In(scale_layout()), "o": Out(scale_layout())}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        factors = [delay(m, scale.mantissa, 1) for scale in (self.a, self.b)]
        first = Signal(32, reset_less=True)
        m.d.sync += first.eq(factors[0] * factors[1])
        product = delay(m, first, 1)
        exponent_sum: Value = self.a.exponent + self.b.exponent
        exponent = delay(m, exponent_sum, 3)
        is_long, is_zero = product[31], Signal()
        # A product that is not zero has one of its top two bits.
        m.d.comb += is_zero.eq(~product[30:].any())
        mantissa = Mux(is_long, product[16:], product[15:31])
        m.d.sync += [
            self.o.mantissa.eq(Mux(is_zero, 0, mantissa)),
            self.o.exponent.eq(Mux(is_zero, 0, exponent + Mux(is_long, 16, 15))),
        ]
        return m
