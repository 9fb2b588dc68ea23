"""Any function of one integer, told value by value.

Where a function between two layers is not monotone (SiLU, GELU), or has more levels than thresholds
make sense for, its value is kept for each integer that can come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sterna_hw.base import IntegerRange

from .op import Op, constant
from .types import TensorType

__all__ = ["Table"]


@dataclass(frozen=True, eq=False)
class Table(Op):
    """``y = table[c, x - low]`` with c the channel, or 0 where one row serves all of them.

    Parameters
    ----------
    table : int64 array ``[1 or channels, entries]``
        Results for ``low``, ``low + 1`` and so on.
    low : :class:`int`
        The smallest x.
    """

    kind: ClassVar[str] = "table"

    table: np.ndarray
    low: int

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "table", constant(self.table, 2, f"Table of {self.name}"))
        object.__setattr__(self, "low", int(self.low))
        if self.table.size == 0:
            raise ValueError(f"Entries of {self.name} must be one or more, not none")

    @property
    def input_range(self) -> IntegerRange:
        return IntegerRange(self.low, self.low + self.table.shape[1] - 1)

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if len(self.table) not in (1, x.channels):
            raise ValueError(
                f"Rows of {self.name} must be 1 or {x.channels}, not {len(self.table)}"
            )
        if not self.input_range.contains(x.range):
            raise ValueError(f"Inputs of {self.name} must lie in {self.input_range}, not {x.range}")
        return TensorType(x.shape, IntegerRange.of_values(self.table))
