"""Lowering of upsampling and pixel shuffle: images that become larger.

Codes are enlarged at once. Floats wait for their quantiser, since what is element-wise commutes
with repeating and laying out, and is done to fewer numbers before; the tail remembers which channel
each of its own becomes. Pixel shuffle wants the parts of a channel in another order than some
sources have them: the rows of the layer in front are brought into it, or where others read it too,
a layer of ones and zeros stands behind it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sterna_hw.base import TERNARY

from ... import ir
from ...source import Enlarge, PixelShuffle
from .reordering import reordered
from .state import PUT_QUANTISER, LoweringState
from .values import Codes, Tail, Value

__all__ = ["emit_larger", "lower_enlarge"]


def lower_enlarge(state: LoweringState, name: str, larger: Enlarge, value: Value) -> Value:
    """Done at once to codes. Floats wait for their quantiser, as their number only grows."""
    if isinstance(value, Codes) and value.order is None and not value.scale.ndim:
        return replace(value, op=emit_larger(state, name, larger, value.op))
    if not isinstance(value, Tail) or value.order is not None:
        reason = "an image must be quantised before it is larger"
        return state.refuse(name, reason, PUT_QUANTISER)
    count = state.types[value.op].channels
    channels = np.arange(count) if value.channels is None else value.channels
    channels = larger.channel_of(int(channels.max()) + 1)[channels]
    return replace(value, larger=(*value.larger, larger), channels=channels)


def emit_larger(state: LoweringState, name: str, larger: Enlarge, source: str) -> str:
    """The graph's operation on a value, and what brings its channels into order."""
    if not isinstance(larger, PixelShuffle):
        return state.emit(ir.Upsample(state.names.new(name), (source,), larger.down, larger.across))
    order = larger.part_order(state.types[source].channels)
    if (order != np.arange(len(order))).any():
        source = _reorder(state, f"{name}.order", source, order)
    return state.emit(ir.PixelShuffle(state.names.new(name), (source,), larger.down, larger.across))


def _reorder(state: LoweringState, name: str, source: str, order: np.ndarray) -> str:
    """Channels in another order: by the rows of the layer that makes them, or where others read
    them too, by a layer of its own."""
    shared = {
        value.op
        for name, value in state.values.items()
        if isinstance(value, Codes | Tail) and state.readers[name] > 1
    }
    ops = reordered(state.ops, source, order, shared)
    if ops is not None:
        state.ops[:] = ops
        return source
    rows = np.eye(len(order), dtype=np.int64)[order]
    return state.emit(ir.MatMul(state.names.new(name), (source,), rows, TERNARY))
