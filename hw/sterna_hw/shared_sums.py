"""Weighted sums of the same inputs that share their common parts: a matrix product without a
multiplier.

A matrix that is fixed can be cut into sums: every output is a sum of inputs and of shared sums,
each with a whole coefficient, and a shared sum likewise, of inputs and of shared sums before it. A
coefficient costs as many terms as its non-adjacent form has digits, since a shift is only wire: 1,
-1 and 4 one term, 3 two (4 - 1). A sum of t terms takes t - 1 adders of two operands.

`SharedSums` only holds such a cut and says what it means; where the shared parts come from is
`solve_sums`, what is done with them before hardware is made is `merge_sums` and `plan_adders`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["SharedSums", "Sum", "digits", "terms"]

Sum = tuple[tuple[int, int], ...]
"""Sources with their coefficients, sources ascending, no coefficient zero."""


def digits(coefficient: int) -> Iterator[tuple[int, bool]]:
    """The non-adjacent form of a whole number: shift and sign (negative or not) of each digit."""
    shift = 0
    while coefficient:
        if coefficient % 2:
            is_negative = coefficient % 4 == 3
            yield shift, is_negative
            coefficient += 1 if is_negative else -1
        coefficient //= 2
        shift += 1


def terms(parts: Sum) -> int:
    """Terms of a sum: digits of all its coefficients."""
    return sum(sum(1 for _ in digits(coefficient)) for _, coefficient in parts)


@dataclass(frozen=True)
class SharedSums:
    """A matrix, cut into sums.

    Parameters
    ----------
    inputs : :class:`int`
        Columns of the matrix; sources 0 to ``inputs - 1`` are its inputs.
    shared : tuple of `Sum`
        The shared sums; the k-th is source ``inputs + k`` and reads lower sources only.
    outputs : tuple of `Sum`
        One for each row of the matrix; an empty one is zero.

    Raises
    ------
    ValueError
        If a sum reads a source that is not below it.
    """

    inputs: int
    shared: tuple[Sum, ...]
    outputs: tuple[Sum, ...]

    def __post_init__(self) -> None:
        for number, parts in enumerate((*self.shared, *self.outputs)):
            limit = self.inputs + min(number, len(self.shared))
            for source, _ in parts:
                if not 0 <= source < limit:
                    raise ValueError(f"Sources of a sum must be below {limit}, not {source}")

    @classmethod
    def of(
        cls, inputs: int, shared: Sequence[Mapping[int, int]], outputs: Sequence[Mapping[int, int]]
    ) -> SharedSums:
        """From sums as mappings of sources to coefficients, in any order, zeros allowed."""

        def ordered(parts: Mapping[int, int]) -> Sum:
            return tuple((source, parts[source]) for source in sorted(parts) if parts[source])

        return cls(inputs, tuple(map(ordered, shared)), tuple(map(ordered, outputs)))

    @classmethod
    def unshared(cls, weights: np.ndarray) -> SharedSums:
        """Every output by itself."""
        rows = [{place: int(weight) for place, weight in enumerate(row)} for row in weights]
        return cls.of(np.shape(weights)[1], [], rows)

    @property
    def adders(self) -> int:
        """Adders of two operands that the sums take."""
        return sum(max(terms(parts) - 1, 0) for parts in (*self.shared, *self.outputs))

    def compute(self, values: np.ndarray) -> np.ndarray:
        """The outputs for int64 values [..., inputs]; exact."""
        values = np.asarray(values, dtype=np.int64)
        columns = [values[..., place] for place in range(self.inputs)]
        zero = np.zeros(values.shape[:-1], dtype=np.int64)

        def value(parts: Sum) -> np.ndarray:
            return sum((columns[source] * factor for source, factor in parts), start=zero)

        for parts in self.shared:
            columns.append(value(parts))
        return np.stack([value(parts) for parts in self.outputs], axis=-1)

    def weights(self) -> np.ndarray:
        """The matrix [outputs, inputs] that the sums make."""
        return self.compute(np.eye(self.inputs, dtype=np.int64)).T
