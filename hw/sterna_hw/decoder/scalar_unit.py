"""From a vector's largest magnitude and sum of squares to the numbers that its codes need.

With a the largest magnitude, n its bit length and A its top 17 bits, codes are made with
``reciprocal = floor(127 * 2**24 / A)``. The scale of the maximum is ``(A >> 1, n - 16)``; the norm
scale is the maximum over the root of the sum of squares S. Both inputs are first shifted to the top
of their registers, by 32 places, then 16 and so on wherever the bits are zero, one such step a
cycle (S by even numbers of places only, so that its root shifts by whole ones). Then the reciprocal
is found digit by digit, and beside it the root and after that the norm scale's mantissa.

Cycles after ``start``: n and the scale of the maximum 8, the reciprocal 24, the norm scale 51. One
vector at a time; ``abandon`` or a new ``start`` ends what is at work, and no result of it comes any
more. See ``docs/numerics.md``, "Decoders".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .digit_serial import SerialQuotientConfig, SerialRootConfig
from .scale_product import Scale
from .vector_command import scale_layout

__all__ = ["ScalarResult", "ScalarUnit", "ScalarUnitConfig"]

SQUARES_WIDTH = 64
TOP_WIDTH = 17
ROOT_WIDTH = 24
STEPS = (32, 16, 8, 4, 2, 1)


class ScalarResult(NamedTuple):
    """What the unit finds."""

    length: int
    """n, the bit length of the largest magnitude."""
    reciprocal: int
    """R; any number where the vector is zero."""
    maximum: Scale
    norm: Scale


@dataclass(frozen=True)
class ScalarUnitConfig:
    """The scalar unit.

    Parameters
    ----------
    maximum_width : :class:`int`
        Bits of the largest magnitude, 17 to 44.

    Raises
    ------
    ValueError
        If out of range.
    """

    maximum_width: int

    def __post_init__(self) -> None:
        if not TOP_WIDTH <= self.maximum_width <= 44:
            raise ValueError(
                f"Width of the maximum must be {TOP_WIDTH} to 44, not {self.maximum_width!r}"
            )

    @property
    def maximum_latency(self) -> int:
        """Cycles from ``start`` to valid ``length`` and ``maximum``: load, steps, register."""
        return len(STEPS) + 2

    @property
    def reciprocal_latency(self) -> int:
        """Cycles from ``start`` to a valid ``reciprocal``; it is valid until the next start."""
        return self.maximum_latency + self.reciprocal_divider.latency

    @property
    def norm_latency(self) -> int:
        """Cycles from ``start`` to a valid ``norm``."""
        # The root starts with the maximum's register; the quotient when the root is done.
        return self.maximum_latency - 1 + self.root.latency + self.norm_divider.latency + 1

    @property
    def reciprocal_divider(self) -> SerialQuotientConfig:
        return SerialQuotientConfig(TOP_WIDTH, 15)

    @property
    def norm_divider(self) -> SerialQuotientConfig:
        return SerialQuotientConfig(ROOT_WIDTH, 17)

    @property
    def root(self) -> SerialRootConfig:
        return SerialRootConfig(ROOT_WIDTH)

    def compute(self, maximum: int, squares: int) -> ScalarResult:
        """The unit's meaning; a sum of squares is positive where the maximum is."""
        length = maximum.bit_length()
        if maximum == 0:
            return ScalarResult(0, 0, (0, 0), (0, 0))
        excess = length - TOP_WIDTH
        top = maximum >> excess if excess >= 0 else maximum << -excess
        reciprocal = self.reciprocal_divider.compute(127 << 9, top)
        places = (SQUARES_WIDTH - squares.bit_length()) & ~1
        root = self.root.compute((squares << places) >> (SQUARES_WIDTH - 2 * ROOT_WIDTH))
        mantissa, exponent = self.norm_divider.compute(top << 6, root), length - 48 + places // 2
        if mantissa >> 16:
            mantissa, exponent = mantissa >> 1, exponent + 1
        return ScalarResult(length, reciprocal, (top >> 1, length - 16), (mantissa, exponent))

    def cost(self, device: Device) -> Cost:
        """Estimate: two shifters of one level, two dividers, a root, a counter."""
        width = self.maximum_width + SQUARES_WIDTH
        shifters = Cost(lut=1.3 * width + 20, ff=width + 20)
        serial = [self.reciprocal_divider, self.norm_divider, self.root]
        return sum((part.cost(device) for part in serial), shifters + Cost(lut=60, ff=80))

    def create(self) -> ScalarUnit:
        return ScalarUnit(self)


class ScalarUnit(wiring.Component):
    """The unit.

    Attributes
    ----------
    start : in
        Takes ``largest`` and ``squares``.
    abandon : in
        Nobody waits any more for what is at work.
    largest, squares : in
    length, reciprocal : out
    maximum, norm : out, see `scale_layout`
    maximum_valid, reciprocal_valid, norm_valid : out
        High for one cycle, the first one in which the result is there. Results stay until the
        next ``start``.
    """

    start: Signal
    abandon: Signal
    largest: Signal
    squares: Signal
    length: Signal
    reciprocal: Signal
    maximum: data.View
    norm: data.View
    maximum_valid: Signal
    reciprocal_valid: Signal
    norm_valid: Signal

    def __init__(self, config: ScalarUnitConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "abandon": In(1),
                "largest": In(config.maximum_width),
                "squares": In(SQUARES_WIDTH),
                "length": Out(6),
                "reciprocal": Out(config.reciprocal_divider.digits),
                "maximum": Out(scale_layout()),
                "norm": Out(scale_layout()),
                "maximum_valid": Out(1),
                "reciprocal_valid": Out(1),
                "norm_valid": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        width = config.maximum_width
        largest, squares = Signal(width, reset_less=True), Signal(SQUARES_WIDTH, reset_less=True)
        # Step k of the shifting is at work while bit k is high; a token that walks once.
        at = Signal(len(STEPS) + 1)
        # Cycles since the start, 0 while nothing is at work: later results are known by it.
        age = Signal(range(config.norm_latency + 1))
        ends, continues = Signal(), Signal()
        # How far each was shifted: a bit for each step. S is shifted by even numbers of places.
        shifted_by = Signal(len(STEPS), reset_less=True)
        half_places = Signal(len(STEPS) - 1, reset_less=True)
        length = Signal(6)
        m.d.comb += length.eq(width - shifted_by)
        m.d.comb += [
            ends.eq((age == 0) | (age == config.norm_latency) | self.abandon),
            continues.eq(~self.start & ~self.abandon),
        ]
        m.d.sync += [
            at.eq(Cat(self.start, at[:-1] & continues.replicate(len(STEPS)))),
            age.eq(Mux(self.start, 1, Mux(ends, 0, age + 1))),
        ]

        def valid_in(cycles: int) -> Value:
            """Of the next cycle, if that is so many cycles after the start."""
            return (age == cycles - 1) & continues

        # Whether a step shifts is found in the cycle before it, for both outcomes of that one.
        shift_largest = _shift_flags(m, largest, self.largest)
        shift_squares = _shift_flags(m, squares, self.squares)
        for number, places in enumerate(STEPS):
            if places <= width - 1:
                with m.If(at[number] & shift_largest[number]):
                    m.d.sync += [largest.eq(largest << places), shifted_by[-1 - number].eq(1)]
            if places > 1:
                with m.If(at[number] & shift_squares[number]):
                    m.d.sync += [
                        squares.eq(squares << places),
                        half_places[-1 - number].eq(1),
                    ]
        with m.If(self.start):
            m.d.sync += [
                largest.eq(self.largest),
                squares.eq(self.squares),
                shifted_by.eq(0),
                half_places.eq(0),
            ]

        top, is_zero = largest[width - TOP_WIDTH :], ~largest[-1]
        shifted = at[len(STEPS)]
        with m.If(shifted):
            m.d.sync += [
                self.length.eq(length),
                self.maximum.mantissa.eq(top[1:]),
                self.maximum.exponent.eq(Mux(is_zero, 0, length - 16)),
            ]
        m.d.sync += [
            self.maximum_valid.eq(valid_in(config.maximum_latency)),
            self.reciprocal_valid.eq(valid_in(config.reciprocal_latency)),
            self.norm_valid.eq(valid_in(config.norm_latency)),
        ]
        m.submodules.reciprocal_divider = reciprocal = config.reciprocal_divider.create()
        m.d.comb += [
            reciprocal.start.eq(self.maximum_valid),
            reciprocal.dividend.eq(Const(127 << 9, TOP_WIDTH)),
            reciprocal.divisor.eq(top),
            self.reciprocal.eq(reciprocal.quotient),
        ]
        self._norm(m, age, shifted, top, squares, length, half_places, is_zero)
        return m

    def _norm(
        self,
        m: Module,
        age: Signal,
        shifted: Signal,
        top: Signal,
        squares: Signal,
        length: Signal,
        half_places: Signal,
        is_zero: Signal,
    ) -> None:
        """Root, then quotient, then one shift where the mantissa has a bit too many."""
        config = self.config
        m.submodules.root = root = config.root.create()
        m.submodules.norm_divider = quotient = config.norm_divider.create()
        root_done = age == config.maximum_latency - 1 + root.config.latency
        quotient_done = age == config.norm_latency - 1
        mantissa, exponent = quotient.quotient, Signal(12, reset_less=True)
        is_long = mantissa[16]
        m.d.comb += [
            root.start.eq(shifted),
            root.radicand.eq(squares[SQUARES_WIDTH - 2 * ROOT_WIDTH :]),
            quotient.start.eq(root_done),
            quotient.dividend.eq(Cat(Const(0, 6), top)),
            quotient.divisor.eq(root.root),
        ]
        m.d.sync += exponent.eq(length - 48 + half_places)
        with m.If(quotient_done):
            m.d.sync += [
                self.norm.mantissa.eq(Mux(is_zero, 0, Mux(is_long, mantissa[1:], mantissa[:16]))),
                self.norm.exponent.eq(Mux(is_zero, 0, exponent + is_long)),
            ]


def _shift_flags(m: Module, value: Signal, first: Value) -> list[Signal]:
    """For each step, in its cycle: whether the highest bits of ``value`` are as many zeros as the
    step shifts. ``first`` is what the value is loaded with."""
    flags: list[Signal] = []
    for number, places in enumerate(STEPS):
        flag = Signal(name=f"shift{places}", reset_less=True)
        if number == 0:
            is_small = _is_small(first, places)
        else:
            shifted = value << STEPS[number - 1]
            is_small = Mux(
                flags[-1],
                _is_small(shifted[: len(value)], places),
                _is_small(value, places),
            )
        m.d.sync += flag.eq(is_small)
        flags.append(flag)
    return flags


def _is_small(value: Value, places: int) -> Value:
    """Whether the highest bits, so many, are zero."""
    return ~value[max(0, len(value) - places) :].any()
