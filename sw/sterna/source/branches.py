"""Operations that read several values: a sum of branches, and channels side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .operation import Operation, Shape

__all__ = ["AddBranches", "ConcatBranches"]


@dataclass(frozen=True, eq=False)
class AddBranches(Operation):
    """``x + y``, or ``x - y`` if ``subtracts``: two tensors of one shape."""

    subtracts: bool = False

    def shape(self, x: Shape | None, *others: Shape | None) -> Shape | None:
        (y,) = others
        if x is not None and y is not None and x != y:
            raise ValueError(f"branches must have one shape, not {x} and {y}")
        return y if x is None else x

    def evaluate(self, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
        (y,) = others
        return x - y if self.subtracts else x + y


@dataclass(frozen=True, eq=False)
class ConcatBranches(Operation):
    """The channels, which are the last axis, of two tensors or more, one behind the other."""

    def shape(self, x: Shape | None, *others: Shape | None) -> Shape | None:
        shapes = [shape for shape in (x, *others) if shape is not None]
        if any(shape[:-1] != shapes[0][:-1] for shape in shapes):
            raise ValueError(f"branches must agree in all axes but the channels, not be {shapes}")
        if len(shapes) < 1 + len(others):
            return None
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def evaluate(self, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
        return np.concatenate((x, *others), axis=-1)
