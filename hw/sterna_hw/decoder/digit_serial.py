"""Quotients and roots, one binary digit a cycle: small where there is one of them for each vector.

A quotient is found by long division: the remainder doubles, and where the divisor fits it is taken
away and the digit is 1. A root is found likewise from pairs of digits: with root r so far, the next
digit is 1 where ``4r + 1`` fits the remainder to which two digits of the radicand were brought
down. Both need one subtraction as wide as the divisor or root, and no multiplier.

Latency: as many cycles as the result has digits, and one to load the operands. One result at a
time: a new ``start`` abandons what is at work. They do not check their operands.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device

__all__ = ["SerialQuotient", "SerialQuotientConfig", "SerialRoot", "SerialRootConfig"]


def _check(subject: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{subject} must be 1 or more, not {value!r}")


@dataclass(frozen=True)
class SerialQuotientConfig:
    """``floor(dividend * 2**digits / divisor)`` of a dividend smaller than the divisor.

    Parameters
    ----------
    divisor_width : :class:`int`
        Bits of the divisor, and of the dividend.
    digits : :class:`int`
        Bits of the quotient.

    Raises
    ------
    ValueError
        If one is not positive.
    """

    divisor_width: int
    digits: int

    def __post_init__(self) -> None:
        _check("Divisor width", self.divisor_width)
        _check("Digits", self.digits)

    @property
    def latency(self) -> int:
        """Cycles from ``start`` to the first one in which ``done`` is high."""
        return self.digits + 1

    def compute(self, dividend: int, divisor: int) -> int:
        return (dividend << self.digits) // divisor

    def cost(self, device: Device) -> Cost:
        """Estimate: a subtraction, a multiplexer, three registers and a counter."""
        counter = self.digits.bit_length()
        return Cost(
            lut=2 * self.divisor_width + counter, ff=2 * self.divisor_width + self.digits + counter
        )

    def create(self) -> SerialQuotient:
        return SerialQuotient(self)


class SerialQuotient(wiring.Component):
    """The divider.

    Attributes
    ----------
    start : in
        Takes the operands.
    dividend, divisor : in
    quotient : out
    done : out
        ``quotient`` is that of the last ``start``; low in the cycle after one.
    """

    start: Signal
    dividend: Signal
    divisor: Signal
    quotient: Signal
    done: Signal

    def __init__(self, config: SerialQuotientConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "dividend": In(config.divisor_width),
                "divisor": In(config.divisor_width),
                "quotient": Out(config.digits),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.config.divisor_width
        divisor = Signal(width, reset_less=True)
        remainder = Signal(width, reset_less=True)
        left = Signal(range(self.config.digits + 1))
        doubled, difference, fits = Signal(width + 1), Signal(width + 2), Signal()
        m.d.comb += [
            doubled.eq(Cat(Const(0, 1), remainder)),
            difference.eq(doubled - divisor),
            fits.eq(~difference[-1]),
            self.done.eq(left == 0),
        ]
        with m.If(left != 0):
            m.d.sync += [
                remainder.eq(Mux(fits, difference, doubled)),
                self.quotient.eq(Cat(fits, self.quotient)),
                left.eq(left - 1),
            ]
        with m.If(self.start):
            m.d.sync += [
                divisor.eq(self.divisor),
                remainder.eq(self.dividend),
                left.eq(self.config.digits),
            ]
        return m


@dataclass(frozen=True)
class SerialRootConfig:
    """``floor(sqrt(radicand))`` of a radicand of ``2 * digits`` bits.

    Parameters
    ----------
    digits : :class:`int`
        Bits of the root.

    Raises
    ------
    ValueError
        If not positive.
    """

    digits: int

    def __post_init__(self) -> None:
        _check("Digits", self.digits)

    @property
    def latency(self) -> int:
        """Cycles from ``start`` to the first one in which ``done`` is high."""
        return self.digits + 1

    def compute(self, radicand: int) -> int:
        return isqrt(radicand)

    def cost(self, device: Device) -> Cost:
        """Estimate: a subtraction, a multiplexer, three registers and a counter."""
        counter = self.digits.bit_length()
        return Cost(lut=4 * self.digits + counter, ff=4 * self.digits + counter)

    def create(self) -> SerialRoot:
        return SerialRoot(self)


class SerialRoot(wiring.Component):
    """The root finder.

    Attributes
    ----------
    start : in
        Takes the radicand.
    radicand : in
    root : out
    done : out
        ``root`` is that of the last ``start``; low in the cycle after one.
    """

    start: Signal
    radicand: Signal
    root: Signal
    done: Signal

    def __init__(self, config: SerialRootConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "radicand": In(2 * config.digits),
                "root": Out(config.digits),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        digits = self.config.digits
        rest = Signal(2 * digits, reset_less=True)
        # A remainder is at most twice the root.
        remainder = Signal(digits + 1, reset_less=True)
        left = Signal(range(digits + 1))
        brought, taken = Signal(digits + 3), Signal(digits + 2)
        difference, fits = Signal(digits + 4), Signal()
        m.d.comb += [
            brought.eq(Cat(rest[-2:], remainder)),
            taken.eq(Cat(Const(1, 2), self.root)),
            difference.eq(brought - taken),
            fits.eq(~difference[-1]),
            self.done.eq(left == 0),
        ]
        with m.If(left != 0):
            m.d.sync += [
                rest.eq(rest << 2),
                remainder.eq(Mux(fits, difference, brought)),
                self.root.eq(Cat(fits, self.root)),
                left.eq(left - 1),
            ]
        with m.If(self.start):
            m.d.sync += [
                rest.eq(self.radicand),
                remainder.eq(0),
                self.root.eq(0),
                left.eq(digits),
            ]
        return m
