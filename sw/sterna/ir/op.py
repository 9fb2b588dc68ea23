"""The base of all operations: named, immutable, compared by value.

An operation produces one value, which has the operation's name. It knows the names of the values
that it reads, its own constants, and how to prove the type of its result from the types of its
inputs. What it computes is told in `docs/numerics.md` and by the golden interpreter, not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from .types import TensorType

__all__ = ["Op", "constant"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def constant(values: Any, axes: int, subject: str) -> np.ndarray:
    """A read-only int64 copy of an array with a fixed number of axes.

    Raises
    ------
    ValueError
        If the values are not integers or the number of axes differs.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        raise ValueError(f"{subject} must be integers, not {array.dtype}")
    if array.ndim != axes:
        raise ValueError(f"{subject} must have {axes} axes, not {array.ndim}")
    array = np.array(array, dtype=np.int64)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Op:
    """One operation. ``name`` is also the name of its result; ``inputs`` are names of values."""

    kind: ClassVar[str]
    arity: ClassVar[int | None] = 1
    """How many values it reads; None for two or more."""

    name: str
    inputs: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"Name of an operation must be letters, digits, dots and underscores, "
                f"not {self.name!r}"
            )
        count = len(self.inputs)
        if count < 2 if self.arity is None else count != self.arity:
            rule = "two or more" if self.arity is None else self.arity
            raise ValueError(f"Inputs of {self.name} must be {rule} in number, not {count}")

    def result_type(self, inputs: tuple[TensorType, ...]) -> TensorType:
        """The proven type of the result.

        Raises
        ------
        ValueError
            If the operation does not fit its inputs.
        """
        raise NotImplementedError

    def attributes(self) -> dict[str, Any]:
        """Everything but name and inputs, by field name."""
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name not in ("name", "inputs")
        }

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Op):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, item.name), getattr(other, item.name))
            for item in fields(self)
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.name, self.inputs))
