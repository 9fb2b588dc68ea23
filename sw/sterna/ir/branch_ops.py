"""Operations that join branches: a weighted sum, and channels side by side.

A value may be read by several operations; these two are where such branches meet again. Branches of
different scales are brought to one grid by integer factors, so a sum is exact: a residual block
whose identity branch is worth 1/8 a code and whose long branch 1/2 is ``1 * x + 4 * y``, in units
of 1/8. `Concat` moves no value; branches of different scales are multiplied in front of or behind
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from sterna_hw.base import IntegerRange

from .op import Op
from .types import TensorType

__all__ = ["Add", "Concat"]


@dataclass(frozen=True, eq=False)
class Add(Op):
    """``y = factors[0] * x[0] + factors[1] * x[1] + ...``, element by element, exact.

    Parameters
    ----------
    factors : tuple of :class:`int`
        What each branch is multiplied by; none is 0.
    """

    kind: ClassVar[str] = "add"
    arity: ClassVar[int | None] = None

    factors: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "factors", tuple(int(factor) for factor in self.factors))
        if len(self.factors) != len(self.inputs):
            raise ValueError(
                f"Factors of {self.name} must be {len(self.inputs)}, not {len(self.factors)}"
            )
        if 0 in self.factors:
            raise ValueError(f"Factors of {self.name} must not be 0")

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        shapes = [x.shape for x in inputs]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(f"Branches of {self.name} must have one shape, not {shapes}")
        terms = [x.range * factor for x, factor in zip(inputs, self.factors)]
        return TensorType(shapes[0], reduce(IntegerRange.__add__, terms))


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """The channels of all branches, those of the first branch first."""

    kind: ClassVar[str] = "concat"
    arity: ClassVar[int | None] = None

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        shapes = [x.shape for x in inputs]
        if any(shape[:-1] != shapes[0][:-1] for shape in shapes):
            raise ValueError(
                f"Branches of {self.name} must agree in all axes but the last, not be {shapes}"
            )
        channels = sum(x.channels for x in inputs)
        values = reduce(IntegerRange.union, (x.range for x in inputs))
        return TensorType((*shapes[0][:-1], channels), values)
