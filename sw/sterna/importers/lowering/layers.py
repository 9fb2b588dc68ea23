"""Lowering of layers: matrix products, windows and pooling.

A linear layer takes codes and becomes a matmul, whose sums begin a float tail. A convolution is a
window followed by one; of a grouped convolution the zeros between the groups are left out. Pooling
reads a window's taps (or the whole image): the largest code is a code again, while a mean is a sum
with a tail that divides it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ... import ir
from ...source import Linear, Pooling, Windows
from .alphabets import choose_alphabet
from .state import PUT_QUANTISER, LoweringState
from .tail import FloatTail
from .values import Codes, Lost, Tail, Value

__all__ = ["lower_linear", "lower_windows"]


def lower_linear(state: LoweringState, name: str, linear: Linear, value: Value) -> Value:
    """A layer's sums; of what is lost, a float."""
    if value is Lost.ANYTHING:
        return Lost.FLOAT
    if not isinstance(value, Codes):
        state.refuse(name, "input must be quantised, not float", PUT_QUANTISER)
        return Lost.FLOAT
    if value.scale.ndim:
        remedy = "use one scale for the whole activation tensor"
        state.refuse(name, "input must have one scale, not one a channel", remedy)
        return Lost.FLOAT
    op = state.emit(_product(state, state.names.new(name), linear, value))
    scale = linear.scale.astype(np.float64) * float(value.scale)
    zero = linear.weights.sum(axis=1) * value.zero_point
    return Tail(op, FloatTail(scale, zero, (), state.source.number_type))


def _product(state: LoweringState, name: str, linear: Linear, value: Codes) -> ir.Op:
    """A matrix product; of a grouped convolution without the zeros between its groups."""
    window = next((op for op in state.ops if op.name == value.op), None)
    if linear.groups > 1 and isinstance(window, ir.Window):
        weights = linear.seen(window.taps)
        alphabet, planes = choose_alphabet(weights, linear.binary)
        return ir.GroupMatMul(
            name, (value.op,), weights, alphabet, planes, linear.groups, window.taps
        )
    alphabet, planes = choose_alphabet(linear.weights, linear.binary)
    weights = linear.weights if value.order is None else linear.weights[:, value.order]
    return ir.MatMul(name, (value.op,), weights, alphabet, planes)


def lower_windows(state: LoweringState, name: str, windows: Windows, value: Value) -> Value:
    """The elements under each position of a window, or what a pooling makes of them."""
    if not isinstance(value, Codes) or value.scale.ndim:
        what = "one scale" if isinstance(value, Codes) else "a quantiser in front"
        return state.refuse(name, f"windows must have {what}", PUT_QUANTISER)
    largest = isinstance(windows, Pooling) and not windows.mean
    low = state.types[value.op].range.low
    if isinstance(windows, Pooling) and windows.is_global:
        mode = "max" if largest else "sum"
        op = state.emit(ir.GlobalPool(state.names.new(name), (value.op,), mode))
        return _pooled(state, op, value, windows)
    op = state.emit(
        ir.Window(
            state.names.new(f"{name}.taps" if isinstance(windows, Pooling) else name),
            (value.op,),
            windows.rows,
            windows.columns,
            low if largest and windows.pads else value.zero_point,
        )
    )
    if not isinstance(windows, Pooling):
        return replace(value, op=op)
    mode = "max" if largest else "sum"
    op = state.emit(ir.Pool(state.names.new(name), (op,), mode, windows.taps))
    return _pooled(state, op, value, windows)


def _pooled(state: LoweringState, op: str, value: Codes, pooling: Pooling) -> Value:
    """The codes of a largest element, or the tail that divides a sum."""
    if not pooling.mean:
        return replace(value, op=op)
    channels = state.types[op].channels
    scale = np.full(channels, float(value.scale) / pooling.taps)
    zero = np.full(channels, value.zero_point * pooling.taps)
    return Tail(op, FloatTail(scale, zero, (), state.source.number_type))
