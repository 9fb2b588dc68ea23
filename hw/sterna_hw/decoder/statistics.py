"""The largest magnitude and the sum of squares of a vector that passes by, V elements a cycle.

A tree of comparisons and two trees of additions, a register a level, then one running result each.
A square is added in two parts, the low 24 bits and the rest, each in a tree and an accumulator of
its own, so that no carry has far to go; one last addition joins them.

Latency: the levels of the trees, and two. One beat a cycle, no stalls. The first beat of a vector
restarts the results; they stay until the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay

__all__ = ["Statistics", "StatisticsConfig"]

LOW_WIDTH = 24


@dataclass(frozen=True)
class StatisticsConfig:
    """Statistics of vectors.

    Parameters
    ----------
    count : :class:`int`
        Elements of a beat, V: a power of two.
    largest : :class:`int`
        Elements of the longest vector.
    magnitude_width, square_width : :class:`int`
        Bits of an element's two numbers.

    Raises
    ------
    ValueError
        If a field breaks its rule, or a sum of squares may need more than 64 bits.
    """

    count: int
    largest: int
    magnitude_width: int
    square_width: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.count & (self.count - 1):
            raise ValueError(f"Elements of a beat must be a power of two, not {self.count!r}")
        if self.square_width <= LOW_WIDTH:
            raise ValueError(
                f"Square width must be more than {LOW_WIDTH}, not {self.square_width!r}"
            )
        if self.sum_width > 64:
            raise ValueError(f"Sum of squares must have at most 64 bits, not {self.sum_width}")

    @property
    def sum_width(self) -> int:
        return self.square_width + (self.largest - 1).bit_length()

    @property
    def levels(self) -> int:
        return (self.count - 1).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from a beat to results that include it."""
        return self.levels + 2

    def compute(self, magnitudes: np.ndarray, squares: np.ndarray) -> tuple[int, int]:
        """Largest magnitude and sum of squares of one vector; int64 arrays."""
        return int(np.max(magnitudes)), sum(int(square) for square in np.ravel(squares))

    def cost(self, device: Device) -> Cost:
        """Estimate: per node a comparison with a choice, and an addition."""
        node = 1.5 * self.magnitude_width + self.square_width
        return Cost(lut=self.count * node + 64, ff=self.count * node + 64)

    def create(self) -> Statistics:
        return Statistics(self)


class Statistics(wiring.Component):
    """The trees.

    Attributes
    ----------
    valid, first : in
        A beat passes by; it is the first of its vector.
    magnitudes, squares : in
        Arrays of V.
    largest, squares_sum : out
        Of the vector so far, ``latency`` cycles later.
    """

    valid: Signal
    first: Signal
    magnitudes: data.View
    squares: data.View
    largest: Signal
    squares_sum: Signal

    def __init__(self, config: StatisticsConfig) -> None:
        self.config = config
        super().__init__(
            {
                "valid": In(1),
                "first": In(1),
                "magnitudes": In(data.ArrayLayout(config.magnitude_width, config.count)),
                "squares": In(data.ArrayLayout(config.square_width, config.count)),
                "largest": Out(config.magnitude_width),
                "squares_sum": Out(64),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        places = range(config.count)
        largest = _tree(m, [self.magnitudes[place] for place in places], _larger)
        low = _tree(m, [self.squares[place][:LOW_WIDTH] for place in places], _sum)
        high = _tree(m, [self.squares[place][LOW_WIDTH:] for place in places], _sum)
        valid = delay(m, self.valid, config.levels, reset_less=False)
        first = delay(m, self.first, config.levels)

        vector_bits = (config.largest - 1).bit_length()
        low_sum = Signal(LOW_WIDTH + vector_bits, reset_less=True)
        high_sum = Signal(config.square_width - LOW_WIDTH + vector_bits, reset_less=True)
        running = Signal(config.magnitude_width, reset_less=True)
        with m.If(valid):
            m.d.sync += [
                running.eq(Mux(first | (largest > running), largest, running)),
                low_sum.eq(low + Mux(first, 0, low_sum)),
                high_sum.eq(high + Mux(first, 0, high_sum)),
            ]
        m.d.sync += [
            self.largest.eq(running),
            self.squares_sum.eq(Cat(low_sum[:LOW_WIDTH], high_sum + low_sum[LOW_WIDTH:])),
        ]
        return m


def _larger(a: Value, b: Value) -> Value:
    return Mux(a > b, a, b)


def _sum(a: Value, b: Value) -> Value:
    return a + b


def _tree(m: Module, values: list[Value], join: object) -> Value:
    """One value of many, joined in pairs, a register behind every level."""
    assert callable(join)
    while len(values) > 1:
        values = [delay(m, join(a, b), 1) for a, b in zip(values[::2], values[1::2])]
    return values[0]
