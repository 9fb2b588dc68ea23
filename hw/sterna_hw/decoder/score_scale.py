"""Scores from dot products: multiplied by the scales of query and key, rounded, clipped.

``z = clip24(half_up(D * m, s))`` where (m, e) is the product of the two scales and s is -(e + 10),
within 0 to 63. The product of the scales is formed once a record, from its header; each sum then
takes one multiplier and a shifter of three stages of four choices each. What is shifted is
``2 * D * m``, so that rounding is one more addition and one bit dropped.

The header comes a fixed number of cycles before the sums of its record and its result is taken
over when ``load`` says, so that sums of the record before, still on their way, keep theirs.
`LATENCY` cycles from a sum to its score; one a cycle on each lane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, IntegerRange
from .vector_command import scale_layout

__all__ = ["HEADER_LATENCY", "LATENCY", "SCORE", "ScoreScale", "ScoreScaleConfig"]

SCORE = IntegerRange.of_width(24, signed=True)
FRACTION_BITS = 10
HEADER_LATENCY = 4
"""Cycles from a scale at ``key`` to the moment from which ``load`` may take it over."""
LATENCY = 8


@dataclass(frozen=True)
class ScoreScaleConfig:
    """``ports`` lanes of sums in ``sum_range``."""

    ports: int
    sum_range: IntegerRange

    def compute(self, sums: np.ndarray, query: tuple[int, int], keys: np.ndarray) -> np.ndarray:
        """Scores ``(tokens, ...)`` of sums of that shape; ``query`` is a scale (m, e), ``keys``
        are scales ``(tokens, 2)``."""
        sums = np.asarray(sums, dtype=np.int64)
        keys = np.asarray(keys, dtype=np.int64)
        product = int(query[0]) * keys[:, 0]
        is_large = product >> 31
        mantissa = product >> (15 + is_large)
        exponent = int(query[1]) + keys[:, 1] + 15 + is_large
        shift = np.clip(-(exponent + FRACTION_BITS), 0, 63)
        shape = (-1,) + (1,) * (sums.ndim - 1)
        doubled = 2 * sums * mantissa.reshape(shape)
        return np.clip(((doubled >> shift.reshape(shape)) + 1) >> 1, SCORE.low, SCORE.high)

    def cost(self, device: Device) -> Cost:
        """Estimate: two multipliers, a shifter and an addition a lane."""
        width = self.sum_range.width + 17
        return Cost(lut=2.5 * width + 26 + 24 + 60, ff=5 * width + 90, dsp=2) * self.ports

    def create(self) -> ScoreScale:
        return ScoreScale(self)


class ScoreScale(wiring.Component):
    """The lanes.

    Attributes
    ----------
    query : in, scale
    key : in, array of P scales
    load : in
        From the next cycle on sums belong to the record whose scales were here `HEADER_LATENCY`
        cycles ago.
    sums : in, array of P
    scores : out, array of P, `LATENCY` cycles later
    """

    query: data.View
    key: data.View
    load: Signal
    sums: data.View
    scores: data.View

    def __init__(self, config: ScoreScaleConfig) -> None:
        self.config = config
        width = config.sum_range.width
        super().__init__(
            {
                "query": In(scale_layout()),
                "key": In(data.ArrayLayout(scale_layout(), config.ports)),
                "load": In(1),
                "sums": In(data.ArrayLayout(signed(width), config.ports)),
                "scores": Out(data.ArrayLayout(signed(SCORE.width), config.ports)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for port in range(self.config.ports):
            mantissa, shift = self._scale(m, self.key[port])
            product = self._multiply(m, self.sums[port], mantissa)
            m.d.comb += self.scores[port].eq(self._shift(m, product, shift))
        return m

    def _scale(self, m: Module, key: data.View) -> tuple[Signal, Signal]:
        """The mantissa for the multiplier and the shift, as of the last ``load``."""
        left, right = Signal(16, reset_less=True), Signal(16, reset_less=True)
        product = Signal(32, reset_less=True)
        exponents = [Signal(signed(13), reset_less=True) for _ in range(2)]
        m.d.sync += [
            left.eq(self.query.mantissa),
            right.eq(key.mantissa),
            product.eq(left * right),
            exponents[0].eq(self.query.exponent + key.exponent),
            exponents[1].eq(exponents[0]),
        ]
        shift = Signal(signed(15), reset_less=True)
        normal = Signal(16, reset_less=True)
        is_large = product[31]
        m.d.sync += [
            normal.eq(Mux(is_large, product[16:32], product[15:31])),
            # ~e is -e - 1.
            shift.eq(~exponents[1] + (1 - 15 - FRACTION_BITS) - is_large),
        ]
        mantissa_register = Signal(16, reset_less=True)
        shift_register = Signal(6, reset_less=True)
        clipped = Signal(6, reset_less=True)
        later = Signal(16, reset_less=True)
        m.d.sync += later.eq(normal)
        with m.If(shift < 0):
            m.d.sync += clipped.eq(0)
        with m.Elif(shift[6:14].any()):
            m.d.sync += clipped.eq(63)
        with m.Else():
            m.d.sync += clipped.eq(shift[:6])
        with m.If(self.load):
            m.d.sync += [mantissa_register.eq(later), shift_register.eq(clipped)]
        return mantissa_register, shift_register

    def _multiply(self, m: Module, total: Value, mantissa: Signal) -> Signal:
        """Product after three registers, as they are inside a multiplier."""
        operand, factor = Signal(total.shape(), reset_less=True), Signal(16, reset_less=True)
        m.d.sync += [operand.eq(total), factor.eq(mantissa)]
        product = operand * factor
        first = Signal(product.shape(), reset_less=True)
        second = Signal(product.shape(), reset_less=True)
        m.d.sync += [first.eq(product), second.eq(first)]
        return second

    def _shift(self, m: Module, product: Signal, amount: Signal) -> Value:
        """Five registers: three of the shifter, one of rounding, one of clipping."""
        width = len(product) + 1
        amounts = amount
        for _ in range(3):
            later = Signal(6, reset_less=True)
            m.d.sync += later.eq(amounts)
            amounts = later
        value: Value = (product << 1).as_signed()
        for low in (4, 2, 0):
            shifted = Signal(signed(width), reset_less=True)
            choice = amounts[low : low + 2]
            step = 1 << low
            with m.Switch(choice):
                for number in range(4):
                    with m.Case(number):
                        m.d.sync += shifted.eq(value >> (number * step))
            value = shifted
            if low:
                later = Signal(6, reset_less=True)
                m.d.sync += later.eq(amounts)
                amounts = later
        # 25 bits can be rounded to 24; whatever has more is beyond the clip.
        rounded = Signal(signed(25), reset_less=True)
        is_beyond, is_negative = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            rounded.eq((value[:25].as_signed() + 1) >> 1),
            is_beyond.eq((value[24:] != 0) & ~value[24:].all()),
            is_negative.eq(value[-1]),
        ]
        score = Signal(signed(24), reset_less=True)
        with m.If(~is_negative & (is_beyond | rounded[23])):
            m.d.sync += score.eq(SCORE.high)
        with m.Elif(is_negative & is_beyond):
            m.d.sync += score.eq(SCORE.low)
        with m.Else():
            m.d.sync += score.eq(rounded)
        return score
