"""The common grid of branches that are added: which integer factors stand for their scales.

Scales are floats, hence fractions with a power of two below, and any of them have a largest common
measure: with the factors that it gives, the integer sum is the real sum. Where such factors are
small that grid is taken, powers of two always; otherwise factors are rounded, with ever more bits.
Each grid is judged by what comes out: over all combinations of the branches' codes, the network's
own float sum and what follows it up to the quantiser must give the code that the integer sum gives.
The first grid for which all agree is taken. Where combinations are too many, random ones stand for
them, unless all scales are powers of two and float sums so short that both are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from sterna_hw.base import IntegerRange

from ...source import Elementwise, Quantiser
from .tail import FloatTail

__all__ = ["Branch", "FittedGrid", "Grid", "exact_grid", "fit_grid", "grid_range", "rounded_grid"]

EXACT_FACTOR = 256
"""Factors up to which a grid without rounding is tried before any with it."""

MOST_BITS = 12
"""Bits of rounded factors."""

WIDEST = 40
"""Bits of a sum on a grid without rounding."""

COMBINATIONS = 1 << 20
"""Combinations of codes, times channels that differ, up to which all are compared."""

_FLOAT_BITS = {"float32": 24, "float64": 53}


@dataclass(frozen=True)
class Branch:
    """One summand: codes of a range, worth ``scale`` each from ``zero_point`` on; ``sign`` is -1
    where it is subtracted."""

    values: IntegerRange
    scale: float
    zero_point: int
    sign: int

    @property
    def reach(self) -> int:
        """How far from zero its codes may be."""
        ends = (self.values.low, self.values.high)
        return max(abs(end - self.zero_point) for end in ends)


@dataclass(frozen=True)
class Grid:
    """Integer factors of the branches, and what 1 of their sum is worth."""

    factors: tuple[int, ...]
    unit: float


@dataclass(frozen=True)
class FittedGrid:
    """A grid with the share of combinations of codes at which it agrees with the network, and
    whether they were ``"proved"``, ``"enumerated"`` or ``"sampled"``."""

    grid: Grid
    agreement: float
    form: str


def exact_grid(branches: Sequence[Branch]) -> Grid:
    """The coarsest grid that holds every branch without rounding."""
    scales = [Fraction(branch.scale) for branch in branches]
    shared = math.lcm(*(scale.denominator for scale in scales))
    wholes = [int(scale * shared) for scale in scales]
    common = math.gcd(*wholes)
    factors = tuple(b.sign * whole // common for b, whole in zip(branches, wholes))
    return Grid(factors, float(Fraction(common, shared)))


def rounded_grid(branches: Sequence[Branch], bits: int) -> Grid:
    """A grid on which the largest scale is a power of two of units; none becomes 0."""
    unit = max(branch.scale for branch in branches) / (1 << bits)
    factors = tuple(b.sign * max(1, round(b.scale / unit)) for b in branches)
    return Grid(factors, unit)


def grid_range(branches: Sequence[Branch], grid: Grid) -> IntegerRange:
    """The range of the integer sum."""
    total = IntegerRange(0, 0)
    for branch, factor in zip(branches, grid.factors):
        total = total + branch.values * factor
    return total


def _candidates(branches: Sequence[Branch]) -> Iterator[Grid]:
    exact = exact_grid(branches)
    if max(map(abs, exact.factors)) <= EXACT_FACTOR:
        yield exact
    for bits in range(MOST_BITS + 1):
        yield rounded_grid(branches, bits)
    if grid_range(branches, exact).width <= WIDEST:
        yield exact


def fit_grid(
    branches: Sequence[Branch],
    add: Callable[[Sequence[np.ndarray]], np.ndarray],
    steps: Sequence[Elementwise],
    quantiser: Quantiser,
    channels: int,
    number_type: str,
) -> FittedGrid:
    """The first grid that agrees with the network everywhere, or else the one that does most.

    ``add`` sums up the branches' reals as the network does, in its order.
    """
    exact = exact_grid(branches)
    powers = all(math.frexp(branch.scale)[0] == 0.5 for branch in branches)
    # Integers below that times a power of two: floats hold every partial sum.
    reach = sum(abs(f) * branch.reach for f, branch in zip(exact.factors, branches))
    if powers and reach < 1 << _FLOAT_BITS[number_type]:
        return FittedGrid(exact, 1.0, "proved")
    varies = any(c.ndim for step in steps for c in step.constants()) or quantiser.scale.ndim
    channels = channels if varies else 1
    codes, form = _combinations(branches, channels)
    reals = [
        ((values - branch.zero_point) * branch.scale).astype(number_type)[:, np.newaxis]
        for branch, values in zip(branches, codes)
    ]
    y = add(reals)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in steps:
            y = step.evaluate(y)
    wanted = np.broadcast_to(quantiser.codes(y), (len(codes[0]), channels))
    best = FittedGrid(exact, 0.0, form)
    for grid in _candidates(branches):
        total = np.zeros(len(codes[0]), dtype=np.int64)
        for factor, values in zip(grid.factors, codes):
            total += factor * values
        tail = grid_tail(branches, grid, channels, tuple(steps), number_type)
        agreement = float((quantiser.codes(tail.real(total[:, np.newaxis])) == wanted).mean())
        if agreement > best.agreement:
            best = replace(best, grid=grid, agreement=agreement)
        if agreement == 1.0:
            break
    return best


def grid_tail(
    branches: Sequence[Branch],
    grid: Grid,
    channels: int,
    steps: tuple[Elementwise, ...],
    number_type: str,
) -> FloatTail:
    """The float arithmetic behind the integer sum."""
    zero = sum(factor * b.zero_point for factor, b in zip(grid.factors, branches))
    return FloatTail(
        np.full(channels, grid.unit), np.full(channels, zero, np.int64), steps, number_type
    )


def _combinations(branches: Sequence[Branch], channels: int) -> tuple[list[np.ndarray], str]:
    """Codes of each branch, flat arrays of equal length."""
    sizes = [branch.values.high - branch.values.low + 1 for branch in branches]
    most = max(1, COMBINATIONS // channels)
    if math.prod(sizes) <= most:
        axes = [np.arange(b.values.low, b.values.high + 1) for b in branches]
        return [codes.ravel() for codes in np.meshgrid(*axes, indexing="ij")], "enumerated"
    generator = np.random.default_rng(0)
    ranges = [branch.values for branch in branches]
    return [generator.integers(r.low, r.high + 1, most) for r in ranges], "sampled"
