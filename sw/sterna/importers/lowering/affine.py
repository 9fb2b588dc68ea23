"""The exact affine form of a float tail, where it has one.
 Without rounding, most tails are ``gain * x + offset`` on each channel, with real bounds from ReLU
and clips. Composed in exact fractions, the form is the starting point for fixed-point multipliers:
wide logits and dyadic requantisation. What float rounding adds on top is for the user of the form
to check.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...source import Add, Cast, Clip, Divide, Elementwise, Multiply, MultiplyAdd, Relu
from .tail import FloatTail

__all__ = ["AffineForm", "affine_form"]


@dataclass(frozen=True)
class AffineForm:
    """``clip(gain[c] * x + offset[c], low[c], high[c])``; ``None`` where there is no bound."""

    gain: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]
    low: tuple[Fraction | None, ...]
    high: tuple[Fraction | None, ...]

    @property
    def bounded(self) -> bool:
        return any(bound is not None for bound in (*self.low, *self.high))


@dataclass
class _Channel:
    gain: Fraction
    offset: Fraction
    low: Fraction | None = None
    high: Fraction | None = None

    def multiply(self, factor: Fraction) -> None:
        self.gain *= factor
        self.offset *= factor
        bounds = [None if bound is None else bound * factor for bound in (self.low, self.high)]
        self.low, self.high = bounds if factor >= 0 else reversed(bounds)

    def add(self, addend: Fraction) -> None:
        self.offset += addend
        self.low = None if self.low is None else self.low + addend
        self.high = None if self.high is None else self.high + addend

    def clip(self, low: Fraction | None, high: Fraction | None) -> None:
        def between(bound: Fraction | None, other: Fraction | None) -> Fraction | None:
            if bound is None:
                return other
            bound = bound if low is None else max(bound, low)
            return bound if high is None else min(bound, high)

        self.low, self.high = between(self.low, low), between(self.high, high)


def affine_form(tail: FloatTail) -> AffineForm:
    """The exact affine form of a tail.

    Raises
    ------
    ValueError
        If a step is not affine.
    """
    channels = [
        _Channel(Fraction(scale), -Fraction(scale) * zero)
        for scale, zero in zip(tail.scale.tolist(), tail.zero_point.tolist())
    ]
    for step in tail.steps:
        for index, channel in enumerate(channels):
            _apply(step, index, channel)
    return AffineForm(
        tuple(channel.gain for channel in channels),
        tuple(channel.offset for channel in channels),
        tuple(channel.low for channel in channels),
        tuple(channel.high for channel in channels),
    )


def _apply(step: Elementwise, index: int, channel: _Channel) -> None:
    match step:
        case Multiply():
            channel.multiply(_pick(step.constant, index))
        case Divide():
            channel.multiply(1 / _pick(step.constant, index))
        case Add():
            channel.add(_pick(step.constant, index))
        case MultiplyAdd():
            channel.multiply(_pick(step.gain, index))
            channel.add(_pick(step.addend, index))
        case Relu():
            channel.clip(Fraction(0), None)
        case Clip():
            channel.clip(_bound(step.low), _bound(step.high))
        case Cast():
            pass
        case _:
            raise ValueError(f"Step of a tail must be affine, not {type(step).__name__}")


def _pick(constant: np.ndarray, index: int) -> Fraction:
    return Fraction(float(constant if constant.ndim == 0 else constant[index]))


def _bound(value: float) -> Fraction | None:
    return Fraction(value) if np.isfinite(value) else None
