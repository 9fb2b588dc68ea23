"""The operations of the graph: input, matmul, threshold, requantize, reshape, top_k.

Each is a frozen record of constants with a rule that proves the type of its result. Channels are
the last axis, so a per-channel constant has one entry for each element of that axis. Ranges are
interval arithmetic over the actual constants: a matmul's range is the tightest that holds every
input, and every partial sum on the way in any order, since each term's range is extended to zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sterna_hw.base import Alphabet, IntegerRange, Rounding

from .op import Op, constant
from .types import TensorType

__all__ = ["Input", "MatMul", "Requantize", "Reshape", "Threshold", "TopK"]


@dataclass(frozen=True, eq=False)
class Input(Op):
    """A graph input of a given type."""

    kind: ClassVar[str] = "input"
    arity: ClassVar[int] = 0

    type: TensorType

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        return self.type


@dataclass(frozen=True, eq=False)
class MatMul(Op):
    """``y[m] = sum over n of weights[m, n] * x[n]`` along the last axis, exact.

    Parameters
    ----------
    weights : int64 array ``[outputs, inputs]``
        Integer weights.
    alphabet : :class:`Alphabet`
        The letters that the weights are written in.
    planes : :class:`int`
        How many letters write one weight; 1 when each weight is a letter.
    """

    kind: ClassVar[str] = "matmul"

    weights: np.ndarray
    alphabet: Alphabet
    planes: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "weights", constant(self.weights, 2, f"Weights of {self.name}"))
        self.alphabet.to_planes(self.weights, self.planes)

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if x.channels != self.weights.shape[1]:
            raise ValueError(
                f"Inputs of {self.name} must be {self.weights.shape[1]}, not {x.channels}"
            )
        shape = (*x.shape[:-1], self.weights.shape[0])
        return TensorType(shape, IntegerRange.of_sums(self.weights, x.range))


@dataclass(frozen=True, eq=False)
class Threshold(Op):
    """``y = low + step * k`` on ascending and ``low + step * (K - k)`` on descending channels.

    ``k`` is how many of the channel's K thresholds t satisfy ``x >= t``.

    Parameters
    ----------
    thresholds : int64 array ``[channels, K]``
        Each row nondecreasing.
    descending : int64 array ``[channels]``
        1 where the output falls as the input rises, otherwise 0.
    low, step : :class:`int`
        Smallest output, and the distance of neighbouring outputs (1 or more).
    """

    kind: ClassVar[str] = "threshold"

    thresholds: np.ndarray
    descending: np.ndarray
    low: int = 0
    step: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        table = constant(self.thresholds, 2, f"Thresholds of {self.name}")
        flags = np.asarray(self.descending).astype(np.int64)
        object.__setattr__(self, "thresholds", table)
        object.__setattr__(self, "descending", constant(flags, 1, f"Directions of {self.name}"))
        object.__setattr__(self, "low", int(self.low))
        object.__setattr__(self, "step", int(self.step))
        if table.shape[1] < 1 or (np.diff(table, axis=1) < 0).any():
            raise ValueError(f"Thresholds of {self.name} must be one or more in ascending order")
        if self.descending.shape[0] != table.shape[0]:
            raise ValueError(
                f"Directions of {self.name} must be {table.shape[0]}, "
                f"not {self.descending.shape[0]}"
            )
        if not np.isin(self.descending, (0, 1)).all():
            raise ValueError(f"Directions of {self.name} must be 0 or 1")
        if self.step < 1:
            raise ValueError(f"Step of {self.name} must be 1 or more, not {self.step}")

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if x.channels != self.thresholds.shape[0]:
            raise ValueError(
                f"Channels of {self.name} must be {self.thresholds.shape[0]}, not {x.channels}"
            )
        high = self.low + self.step * self.thresholds.shape[1]
        return TensorType(x.shape, IntegerRange(self.low, high))


@dataclass(frozen=True, eq=False)
class Requantize(Op):
    """``y = clip(round((x * multiplier + offset) / 2**shift), low, high)``, per channel, dyadic.

    Parameters
    ----------
    multiplier, offset : int64 array ``[channels]``
        Multiplier and addend of each channel.
    shift : :class:`int`
        Bits dropped, 0 or more.
    rounding : :class:`Rounding`
        How they are dropped.
    clip : :class:`IntegerRange` or ``None``
        Bounds of the result; ``None`` keeps the whole range.
    """

    kind: ClassVar[str] = "requantize"

    multiplier: np.ndarray
    offset: np.ndarray
    shift: int
    rounding: Rounding
    clip: IntegerRange | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for field_name, label in (("multiplier", "Multipliers"), ("offset", "Offsets")):
            value = constant(getattr(self, field_name), 1, f"{label} of {self.name}")
            object.__setattr__(self, field_name, value)
        if self.multiplier.shape != self.offset.shape:
            raise ValueError(
                f"Offsets of {self.name} must be {self.multiplier.size}, not {self.offset.size}"
            )
        if not 0 <= self.shift <= 62:
            raise ValueError(f"Shift of {self.name} must be 0 to 62, not {self.shift!r}")

    def before_shift(self, x: IntegerRange) -> IntegerRange:
        """The range of ``x * multiplier + offset`` over all channels."""
        ranges = [
            x * multiplier + IntegerRange(offset, offset)
            for multiplier, offset in zip(self.multiplier.tolist(), self.offset.tolist())
        ]
        return IntegerRange(min(r.low for r in ranges), max(r.high for r in ranges))

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if x.channels != self.multiplier.shape[0]:
            raise ValueError(
                f"Channels of {self.name} must be {self.multiplier.shape[0]}, not {x.channels}"
            )
        return TensorType(x.shape, self.result_range(x.range))

    def result_range(self, x: IntegerRange) -> IntegerRange:
        """The range of the result for inputs of a range.

        Raises
        ------
        ValueError
            If a product does not fit in 62 bits.
        """
        wide = self.before_shift(x)
        if wide.width > 62:
            raise ValueError(f"Products of {self.name} must fit in 62 bits, not {wide.width}")
        low, high = (
            int(self.rounding.shift_right(np.array([end]), self.shift)[0])
            for end in (wide.low, wide.high)
        )
        if self.clip is not None:
            low, high = (min(max(end, self.clip.low), self.clip.high) for end in (low, high))
        return IntegerRange(low, high)


@dataclass(frozen=True, eq=False)
class Reshape(Op):
    """The same elements in the same order under another shape (flatten)."""

    kind: ClassVar[str] = "reshape"

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "shape", tuple(int(axis) for axis in self.shape))

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if math.prod(self.shape) != x.size:
            raise ValueError(f"Shape of {self.name} must hold {x.size} elements, not {self.shape}")
        return TensorType(self.shape, x.range)


@dataclass(frozen=True, eq=False)
class TopK(Op):
    """The ``k`` largest elements, best first, ties to the lower index: shape ``(k, 2)`` of
    (index, value)."""

    kind: ClassVar[str] = "top_k"

    k: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k < 1:
            raise ValueError(f"K of {self.name} must be 1 or more, not {self.k!r}")

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if len(x.shape) != 1 or self.k > x.size:
            raise ValueError(f"K of {self.name} must be 1 to {x.size} of one axis, not {self.k}")
        return TensorType((self.k, 2), x.range.union(IntegerRange(0, x.size - 1)))
