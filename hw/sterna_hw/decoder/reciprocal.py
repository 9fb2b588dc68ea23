"""The reciprocal of a sum of weights, as factor and shift for the results of a head.

With n = bits(L), B = L aligned to 17 bits and R = min(floor(2**32 / B), 65535), a result is
``(O * R + 2**(n-2)) >> (n-1)``. A shift by a variable amount on every element is dear, so R is
shifted to the left here, once a head, until only two amounts are left: the factor is ``R << s``
with ``n - 1 + s`` either 23 or 31, which the flag ``is_large`` tells. Half of the last place moves
along, so rounding is the same.

The division takes two bits of the quotient a cycle: four times the remainder is compared with B, 2B
and 3B at once. A remainder equal to B, which happens for B = 2**16 only, gives nothing but threes,
so R saturates at 65535 by itself.

`CYCLES` cycles from ``start`` to ``done``; one at a time. L must be 65535 or more (the token with
the largest score contributes that much), and below 2**32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay

__all__ = ["CYCLES", "FACTOR_WIDTH", "SHIFTS", "Reciprocal", "ReciprocalConfig"]

SHIFTS = (23, 31)
"""By how much a product of factor and sum is shifted: small and large sums of weights."""
FACTOR_WIDTH = 24
DIGITS = 8
CYCLES = 3 + DIGITS + 2
"""From a ``start`` to its ``done``."""


@dataclass(frozen=True)
class ReciprocalConfig:
    """For sums of weights up to ``largest``.

    Raises
    ------
    ValueError
        If ``largest`` does not fit 32 bits.
    """

    largest: int

    def __post_init__(self) -> None:
        if not 65535 <= self.largest < 1 << 32:
            raise ValueError(f"Largest sum must be from 65535 to 2**32 - 1, not {self.largest!r}")

    @property
    def width(self) -> int:
        return self.largest.bit_length()

    def compute(self, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Factors and whether the large shift belongs to them, for an array of totals."""
        factors, are_large = [], []
        for total in np.asarray(totals).ravel().tolist():
            bits = int(total).bit_length()
            aligned = total >> (bits - 17) if bits >= 17 else total << (17 - bits)
            is_large = bits - 1 > SHIFTS[0]
            shift = SHIFTS[is_large] - (bits - 1)
            factors.append(min((1 << 32) // aligned, 65535) << shift)
            are_large.append(is_large)
        return np.array(factors, dtype=np.int64), np.array(are_large)

    def cost(self, device: Device) -> Cost:
        """Estimate: two shifters, three subtractions."""
        return Cost(lut=5 * 17 + 3 * 20 + 36 + 60 + 30, ff=self.width + 120)

    def create(self) -> Reciprocal:
        return Reciprocal(self)


class Reciprocal(wiring.Component):
    """The divider.

    Attributes
    ----------
    start : in
        Take ``total``; not while one is at work.
    total : in
    busy : out
        From the cycle after ``start`` to the one before ``done``.
    done : out
        The result is there, in this cycle and until the next ``start``.
    factor, is_large : out
    """

    start: Signal
    total: Signal
    busy: Signal
    done: Signal
    factor: Signal
    is_large: Signal

    def __init__(self, config: ReciprocalConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "total": In(config.width),
                "busy": Out(1),
                "done": Out(1),
                "factor": Out(FACTOR_WIDTH),
                "is_large": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.config.width
        total = Signal(width, reset_less=True)
        begins = delay(m, self.start, 3, reset_less=False)
        with m.If(self.start):
            m.d.sync += total.eq(self.total)

        # Places above bit 15, which is always set or has a set bit above it.
        above, above_later = Signal(range(17), reset_less=True), Signal(range(17), reset_less=True)
        for place in range(16, width):
            with m.If(total[place]):
                m.d.sync += above.eq(place - 15)
        with m.If(~total[16:].any() if width > 16 else 1):
            m.d.sync += above.eq(0)
        divisor = Signal(17, reset_less=True)
        with m.Switch(above):
            for number in range(max(1, width - 15)):
                with m.Case(number):
                    m.d.sync += divisor.eq((total << 1) >> number)
        m.d.sync += above_later.eq(above)

        left = Signal(range(DIGITS + 1))
        remainder = Signal(18, reset_less=True)
        quotient = Signal(2 * DIGITS, reset_less=True)
        thrice = Signal(19, reset_less=True)
        m.d.sync += thrice.eq((divisor << 1) + divisor)
        larger = remainder << 2
        rests = [Signal(signed(21), name=f"rest_{digit}") for digit in range(1, 4)]
        m.d.comb += [
            rests[0].eq(larger - divisor),
            rests[1].eq(larger - (divisor << 1)),
            rests[2].eq(larger - thrice),
        ]
        digit, rest = Signal(2), Signal(unsigned(18))
        m.d.comb += [digit.eq(0), rest.eq(larger)]
        for number, value in enumerate(rests, 1):
            with m.If(value >= 0):
                m.d.comb += [digit.eq(number), rest.eq(value)]
        with m.If(begins):
            m.d.sync += [remainder.eq(1 << 16), left.eq(DIGITS)]
        with m.Elif(left != 0):
            m.d.sync += [
                remainder.eq(rest),
                quotient.eq((quotient << 2) | digit),
                left.eq(left - 1),
            ]
        # n - 1 is 15 + above: up to 8 places, the sum is a small one.
        shift, is_large = Signal(4, reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            is_large.eq(above_later > 8),
            shift.eq(Mux(above_later > 8, 16 - above_later, 8 - above_later)),
        ]
        ends = Signal()
        m.d.comb += ends.eq(left == 1)
        m.d.sync += self.done.eq(delay(m, ends, 1, reset_less=False))
        m.d.sync += [self.factor.eq(quotient << shift), self.is_large.eq(is_large)]
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(ends):
            m.d.sync += self.busy.eq(0)
        return m
