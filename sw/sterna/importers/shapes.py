"""Shapes as readers meet them: with the batch axis, and with one axis left to be worked out."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["BATCH", "flattened", "resolved"]

BATCH = 0
"""Stands for the batch axis in a list of axes; ONNX's reshape uses 0 in the same way."""


def resolved(
    shape: tuple[int, ...], target: Sequence[int], batch: int | None = None
) -> tuple[int, ...]:
    """A sample's shape after a reshape of ``(batch, *shape)`` to ``target``.

    ``target`` begins with the batch axis (`BATCH`, -1, or the literal ``batch``); one other axis
    may be -1.

    Raises
    ------
    ValueError
        If the reshape mixes samples or does not fit.
    """
    size = math.prod(shape)
    first, *rest = target
    if first not in (BATCH, -1, batch):
        raise ValueError(f"reshape must keep the batch axis, not make it {first}")
    rest = [shape[i] if axis == 0 and i < len(shape) else axis for i, axis in enumerate(rest)]
    if rest.count(-1) > 1 or (first == -1 and -1 in rest):
        raise ValueError(f"reshape must leave one axis open, not {list(target)}")
    if -1 in rest:
        known = math.prod(axis for axis in rest if axis != -1)
        if known == 0 or size % known:
            raise ValueError(f"reshape to {list(target)} must hold {size} elements a sample")
        rest[rest.index(-1)] = size // known
    if math.prod(rest) != size:
        raise ValueError(f"reshape to {list(target)} must hold {size} elements a sample")
    return tuple(rest) or (1,)


def flattened(shape: tuple[int, ...], start: int, end: int = -1) -> tuple[int, ...]:
    """A sample's shape after a flatten of the axes ``start`` to ``end``, counted with the batch.

    Raises
    ------
    ValueError
        If the batch axis would be flattened too.
    """
    axes = len(shape) + 1
    start, end = start % axes, end % axes
    if start < 1:
        raise ValueError("flatten must keep the batch axis, not start at axis 0")
    return (*shape[: start - 1], math.prod(shape[start - 1 : end]), *shape[end:])
