"""The shared parts of a matrix's sums, found by da4ml's solver.

The solver writes every weight in signed binary digits, looks for the pair of terms that occurs in
most sums, gives it a name and goes on until no pair occurs twice; it does so for several ways to
write the matrix as a product of two and keeps the cheapest. Its result is a list of additions
``a + (b << s)`` or ``a - (b << s)``, which is read here into `SharedSums`, shifts put into
coefficients, and checked: the sums must make the matrix that was asked for.

da4ml (LGPL) is a dependency of this one function and imported when it is called. Solving takes a
second for 64 x 64 ternary weights and grows with more than the square of the size.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from .base import IntegerRange
from .shared_sums import SharedSums

__all__ = ["solve_sums"]

Scaled = tuple[int, int, int]
"""A source with its sign and its shift, which may be negative on the way."""


def solve_sums(weights: np.ndarray, values: IntegerRange) -> SharedSums:
    """Sums that share what they can, for a matrix [outputs, inputs] and inputs of a range.

    Raises
    ------
    ValueError
        If the solver is not installed.
    """
    matrix = np.asarray(weights, dtype=np.int64)
    if not matrix.any():
        return SharedSums.unshared(matrix)
    try:
        from da4ml.cmvm import solve
    except ImportError as error:
        raise ValueError(
            "Engine unrolled must find da4ml, whose solver it uses: pip install 'sterna[unrolled]'"
        ) from error
    interval = (float(values.low), float(values.high), 1.0)
    # The solver reads the memory of the matrix and does not look at its order.
    kernel = np.ascontiguousarray(matrix.T, dtype=np.float32)
    found = solve(kernel, qintervals=[interval] * matrix.shape[1])
    sums = _read(found, matrix.shape[1])
    if not np.array_equal(sums.weights(), matrix):
        raise AssertionError("The solver's sums must make the matrix that was asked for")
    return sums


def _read(pipeline: Any, inputs: int) -> SharedSums:
    """The additions of the solver's stages, one behind the other, as sums of two terms."""
    shared: list[dict[int, int]] = []
    ends: list[Scaled | None] = [(place, 1, 0) for place in range(inputs)]
    for stage in pipeline.solutions:
        found: list[Scaled | None] = []
        for step in stage.ops:
            if step.opcode == -1:
                found.append(_shifted(ends[step.id0], int(stage.inp_shifts[step.id0])))
            elif step.opcode in (0, 1):
                sign = -1 if step.opcode else 1
                second = _shifted(found[step.id1], int(step.data), sign)
                found.append(_added(found[step.id0], second, inputs, shared))
            else:
                raise AssertionError(f"Steps of the solver must be additions, not {step.opcode}")
        ends = [
            None if place < 0 else _shifted(found[place], int(shift), -1 if negative else 1)
            for place, shift, negative in zip(stage.out_idxs, stage.out_shifts, stage.out_negs)
        ]
    outputs = [{} if end is None else {end[0]: end[1] << end[2]} for end in ends]
    return SharedSums.of(inputs, shared, outputs)


def _shifted(value: Scaled | None, shift: int, sign: int = 1) -> Scaled | None:
    return None if value is None else (value[0], value[1] * sign, value[2] + shift)


def _added(
    first: Scaled | None, second: Scaled | None, inputs: int, shared: list[dict[int, int]]
) -> Scaled | None:
    """A new shared sum, without the shift that both terms have."""
    if first is None or second is None:
        return first or second
    common = min(first[2], second[2])
    parts: dict[int, int] = defaultdict(int)
    for source, sign, shift in (first, second):
        parts[source] += sign << (shift - common)
    shared.append(dict(parts))
    return inputs + len(shared) - 1, 1, common
