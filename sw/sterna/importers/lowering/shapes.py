"""Lowering of transposes and reshapes: integers stay where they are.

The graph has images with channels last, sources often have them first. So a transpose moves
nothing: right behind the input it changes the input's axes, elsewhere the codes remember which
element of the source's order each of them is, until a flattened image goes into a layer, whose
columns are brought into that order.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ... import ir
from ...source import Reshape, SourceNode, Transpose
from .input_edge import RealInput
from .state import PUT_QUANTISER, LoweringState
from .values import Codes, Tail, Value

__all__ = ["lower_reshape", "lower_transpose"]


def lower_transpose(
    state: LoweringState, node: SourceNode, transpose: Transpose, value: Value
) -> Value:
    """Integers stay as they are; only their order is noted, for a reshape to follow."""
    if isinstance(value, RealInput):
        return value.transposed(transpose)
    if not isinstance(value, Codes) or value.order is not None:
        reason = "image must be quantised before it is flattened"
        return state.refuse(node.name, reason, PUT_QUANTISER)
    edge = state.inputs.get(value.op)
    if edge is not None and len(state.ops) == 1 and state.is_alone(node.inputs[0]):
        # Right behind the input nothing has been done to any element yet: its axes change.
        kind = state.types[value.op]
        state.ops.clear()
        state.inputs[value.op] = edge.transposed(transpose.axes, len(kind.shape))
        shape = transpose.shape(kind.shape) or ()
        state.emit(ir.Input(value.op, (), ir.TensorType(shape, kind.range)))
        return value
    shape = state.types[value.op].shape
    places = np.arange(math.prod(shape))
    wanted = transpose.evaluate(places.reshape(1, *shape))
    order = np.empty_like(places)
    order[wanted.ravel()] = places
    return value if (order == places).all() else replace(value, order=order)


def lower_reshape(state: LoweringState, name: str, reshape: Reshape, value: Value) -> Value:
    """Codes in another shape; floats, too, where that is the shape they have."""
    if isinstance(value, RealInput):
        return value.reshaped(reshape.target)
    if isinstance(value, Codes) and not value.scale.ndim:
        if state.types[value.op].shape == reshape.target:
            return value
        if value.order is not None and len(reshape.target) != 1:
            return state.refuse(name, "an image must be flattened whole", "flatten from axis 1")
        first = state.ops[0]
        is_plain = value.op == first.name and value.order is None and len(state.ops) == 1
        if isinstance(first, ir.Input) and is_plain:
            # A reshape right behind the input is the input's own shape.
            state.ops.clear()
            kind = ir.TensorType(reshape.target, first.type.range)
            state.emit(ir.Input(first.name, (), kind))
            return value
        op = state.emit(ir.Reshape(state.names.new(name), (value.op,), reshape.target))
        return replace(value, op=op)
    if isinstance(value, Tail) and state.types[value.op].shape == reshape.target:
        return value
    remedy = "put the quantiser before the reshape"
    return state.refuse(name, "input of a reshape must be quantised, not float", remedy)
