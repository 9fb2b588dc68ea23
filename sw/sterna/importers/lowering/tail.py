"""The float tail of a layer: from integer accumulator to integer code, in the network's arithmetic.
 Between a layer's integer accumulator and the next quantiser stands float arithmetic: the scales of
weights and activations, bias, batch norm, activation function, the quantiser itself. As a function
of (accumulator, channel) it has finitely many arguments, so it need not be imitated: it is
evaluated at every integer of the accumulator's range, and the places where the code changes are the
thresholds.

The accumulator's real value is its integer times the product of the scales, rounded once to the
network's number type: that is what an exact matrix product of the network's own reals would give.
Where arguments are too many, bisection finds the same places, because every step is monotone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from sterna_hw.base import IntegerRange

from ...source import Elementwise, Quantiser

__all__ = [
    "ENUMERATION_LIMIT",
    "TABLE_LIMIT",
    "FloatTail",
    "TailError",
    "Thresholds",
    "find_table",
    "find_thresholds",
]

ENUMERATION_LIMIT = 1 << 27
"""Arguments (accumulators times channels) up to which a tail is evaluated at every one."""

TABLE_LIMIT = 1 << 16
"""Entries that a table may have, over all channels that have one of their own."""

_CHUNK = 1 << 18


class TailError(ValueError):
    """A tail whose code both rises and falls over the accumulator, or is not a number."""


@dataclass(frozen=True, eq=False)
class FloatTail:
    """The float arithmetic that follows an integer value, up to the next quantiser.

    Parameters
    ----------
    scale : float64 array ``[channels]``
        What 1 of the integer value is worth.
    zero_point : int64 array ``[channels]``
        The integer value that stands for zero.
    steps : tuple of :class:`Elementwise`
        Float operations in the network's order.
    number_type : :class:`str`
        The network's float type.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    steps: tuple[Elementwise, ...]
    number_type: str

    @property
    def channels(self) -> int:
        return self.scale.shape[0]

    @property
    def is_monotone(self) -> bool:
        """Whether every step is."""
        return all(step.is_monotone for step in self.steps)

    def then_by_channel(self, step: Elementwise, channels: np.ndarray) -> FloatTail:
        """The tail with one more operation, whose constants are those of other channels: channel c
        of the tail has those of ``channels[c]``."""
        values = {
            item.name: getattr(step, item.name)[channels]
            for item in fields(step)
            if np.ndim(getattr(step, item.name)) == 1
        }
        return self.then(replace(step, **values) if values else step)

    def then(self, step: Elementwise) -> FloatTail:
        """The tail with one more operation."""
        return FloatTail(self.scale, self.zero_point, (*self.steps, step), self.number_type)

    def real(self, values: np.ndarray) -> np.ndarray:
        """The network's reals ``[n, channels]`` for integers ``[n, 1]`` or ``[n, channels]``."""
        y = ((values - self.zero_point) * self.scale).astype(self.number_type)
        with np.errstate(over="ignore", invalid="ignore"):
            for step in self.steps:
                y = step.evaluate(y)
        return y


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Thresholds int64 ``[channels, levels]``, falling channels, whether all were enumerated."""

    table: np.ndarray
    descending: np.ndarray
    enumerated: bool


def find_thresholds(
    tail: FloatTail,
    quantiser: Quantiser,
    values: IntegerRange,
    enumeration_limit: int = ENUMERATION_LIMIT,
) -> Thresholds:
    """The thresholds that equal a tail and its quantiser at every integer of a range.

    A level that a channel never reaches gets the threshold ``values.high + 1``, one that it always
    has gets ``values.low``.

    Raises
    ------
    TailError
        If some channel's code both rises and falls over the range, or a value is not a number.
    """
    if (values.high - values.low + 1) * tail.channels <= enumeration_limit:
        return _enumerate(tail, quantiser, values)
    if not tail.is_monotone:
        count = values.high - values.low + 1
        raise TailError(f"{count} sums must be fewer, as what follows both rises and falls")
    return _bisect(tail, quantiser, values)


def find_table(tail: FloatTail, quantiser: Quantiser, values: IntegerRange) -> np.ndarray | None:
    """The codes for every integer of a range, int64 ``[1 or channels, size of the range]``: one row
    if all channels agree. ``None`` if there would be more than `TABLE_LIMIT` entries.

    Raises
    ------
    TailError
        If a value is not a number.
    """
    size = values.high - values.low + 1
    if size > TABLE_LIMIT:
        return None
    places = np.arange(values.low, values.high + 1, dtype=np.int64)[:, np.newaxis]
    rows = quantiser.low + quantiser.step * _levels(tail, quantiser, places).T
    if (rows == rows[0]).all():
        rows = rows[:1]
    return rows if rows.size <= TABLE_LIMIT else None


def _levels(tail: FloatTail, quantiser: Quantiser, values: np.ndarray) -> np.ndarray:
    real = tail.real(values)
    if np.isnan(real).any():
        channel = int(np.flatnonzero(np.isnan(real).any(axis=0))[0])
        raise TailError(f"values of channel {channel} must be numbers, not NaN")
    return (quantiser.codes(real) - quantiser.low) // quantiser.step


def _enumerate(tail: FloatTail, quantiser: Quantiser, values: IntegerRange) -> Thresholds:
    channels, places = tail.channels, quantiser.level_count + 1
    histogram = np.zeros((channels, places), dtype=np.int64)
    rises = np.zeros(channels, dtype=bool)
    falls = np.zeros(channels, dtype=bool)
    base = np.arange(channels) * places
    rows = max(1, _CHUNK // channels)
    previous: np.ndarray | None = None
    for start in range(values.low, values.high + 1, rows):
        stop = min(start + rows, values.high + 1)
        levels = _levels(tail, quantiser, np.arange(start, stop, dtype=np.int64)[:, np.newaxis])
        change = np.diff(levels, axis=0, prepend=levels[:1] if previous is None else previous)
        rises |= (change > 0).any(axis=0)
        falls |= (change < 0).any(axis=0)
        previous = levels[-1:]
        counts = np.bincount((levels + base).ravel(), minlength=channels * places)
        histogram += counts.reshape(channels, places)
    if (rises & falls).any():
        channel = int(np.flatnonzero(rises & falls)[0])
        raise TailError(f"codes of channel {channel} must rise or fall, not both")
    # Threshold number i is passed where at least i levels are: the accumulators before it are those
    # with fewer levels. On a falling channel the levels count from the top.
    ordered = np.where(falls[:, np.newaxis], histogram[:, ::-1], histogram)
    table = values.low + np.cumsum(ordered, axis=1)[:, :-1]
    return Thresholds(table, falls.astype(np.int64), True)


def _bisect(tail: FloatTail, quantiser: Quantiser, values: IntegerRange) -> Thresholds:
    count = quantiser.level_count
    ends = _levels(tail, quantiser, np.array([[values.low], [values.high]], dtype=np.int64))
    falls = ends[0] > ends[1]
    wanted = np.arange(1, count + 1, dtype=np.int64)[:, np.newaxis]
    low = np.full((count, tail.channels), values.low, dtype=np.int64)
    high = np.full((count, tail.channels), values.high + 1, dtype=np.int64)
    while (low < high).any():
        middle = (low + high) >> 1
        # Where low has met high, middle may lie one above the range; the answer is not used there.
        levels = _levels(tail, quantiser, np.minimum(middle, values.high))
        passed = np.where(falls, count - levels, levels) >= wanted
        active = low < high
        high = np.where(active & passed, middle, high)
        low = np.where(active & ~passed, middle + 1, low)
    return Thresholds(low.T.copy(), falls.astype(np.int64), False)
