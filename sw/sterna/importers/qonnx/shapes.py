"""Handlers of operations on shapes in QONNX files, and of channels put side by side.

Shapes are those of one sample behind a batch axis whose size is open (`BATCH`); what computes with
them is folded away as any arithmetic on constants. Activations stay where they are: they may be
flattened and reshaped, but not transposed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...source import ConcatBranches, Reshape
from ..shapes import BATCH, flattened, resolved
from .context import Context, Handler, Operand
from .weights import QuantisedConstant, UnfitError

__all__ = ["SHAPES"]


def concat(context: Context, name: str, options: dict[str, Any], *values: Any) -> Operand:
    if not all(isinstance(value, str) for value in values):
        raise UnfitError("branches must be computed, not constants")
    if len(values) == 1:
        return values[0]
    axes = 1 + len(context.known_shape(values[0]))
    axis = int(options.get("axis", 1))
    if axis % axes != 1:
        raise UnfitError(f"branches must be joined along axis 1, not {axis}", "join channels")
    return context.builder.join(name, ConcatBranches(), values)


def shape(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    return np.array([BATCH, *context.known_shape(x)], dtype=np.int64)


def reshape(
    context: Context, name: str, options: dict[str, Any], x: Any, target: Any = None
) -> Operand:
    axes = options["shape"] if target is None else context.constant(target).tolist()
    if context.builder.shape(x) is None:
        return x
    shape = resolved(context.known_shape(x), [int(axis) for axis in axes], context.file.batch)
    return context.builder.add(name, Reshape(shape), x)


def flatten(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    if context.builder.shape(x) is None:
        return x
    shape = context.known_shape(x)
    axis = int(options.get("axis", 1))
    if axis % (len(shape) + 1) != 1:
        raise UnfitError(f"flatten must start at axis 1, not {axis}")
    return context.builder.add(name, Reshape(flattened(shape, 1)), x)


def transpose(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    axes = options.get("perm")
    if isinstance(x, QuantisedConstant):
        return x.transposed(axes)
    if axes == sorted(axes or [1]):
        return x
    raise UnfitError("activations must not be transposed")


def same(context: Context, name: str, options: dict[str, Any], x: Any, *_: Any) -> Operand:
    return x


SHAPES: dict[str, Handler] = {
    "Concat": concat,
    "Dropout": same,
    "Flatten": flatten,
    "Identity": same,
    "Reshape": reshape,
    "Shape": shape,
    "Transpose": transpose,
}
"""Handlers by operation type."""
