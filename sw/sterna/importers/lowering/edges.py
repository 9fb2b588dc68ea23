"""Lowering of a network's two ends: from reals to codes, and from codes to reals.

The input becomes codes by its first quantiser, which must fit an edge (`input_edge`), or is codes
from the start where it holds integers. The output leaves as codes with their scale; a tail that no
quantiser ended leaves as wide logits (`logits`), so that labels are decided on scaled values.
"""

from __future__ import annotations

import numpy as np

from sterna_hw.base import Rounding

from ... import ir
from ...source import BipolarQuantiser, Quantiser
from .affine import affine_form
from .enlarging import emit_larger
from .input_edge import RealInput, smallest_scale_edge
from .logits import fit_logits
from .state import LoweringState
from .values import Codes, Lost, Tail

__all__ = ["integer_codes", "lower_output", "quantise_input"]


def integer_codes(state: LoweringState, value: RealInput) -> RealInput | Codes:
    """The network's input as codes, if it holds integers."""
    integers = state.source.integers
    if integers is None:
        return value
    if value not in state.pixels:
        kind = ir.TensorType(value.shape, integers.values)
        op = state.emit(ir.Input(state.names.new(value.name), (), kind))
        state.inputs[op] = ir.InputEdge(integers.scale, 0, value.axes)
        scale = np.asarray(integers.scale, state.source.number_type)
        state.pixels[value] = Codes(op, scale, 0)
    return state.pixels[value]


def quantise_input(
    state: LoweringState, name: str, quantiser: Quantiser, value: RealInput
) -> Codes | Lost:
    """The codes that the first quantiser makes of the network's input."""
    if state.inputs:
        remedy = "put one quantiser (QuantIdentity) in front of all branches"
        return state.refuse(name, "network's input must be quantised once", remedy)
    try:
        if isinstance(quantiser, BipolarQuantiser):
            edge, bounds = smallest_scale_edge(value)
        else:
            edge, bounds = value.edge(quantiser)
    except ValueError as error:
        return state.refuse(name, str(error), "apply it to the data before the network")
    op = state.emit(ir.Input(state.names.new(value.name), (), ir.TensorType(value.shape, bounds)))
    state.inputs[op] = edge
    if not isinstance(quantiser, BipolarQuantiser):
        return Codes(op, quantiser.scale, edge.zero_point)
    channels = state.types[op].channels
    table = np.zeros((channels, 1), dtype=np.int64)
    falls = np.zeros(channels, dtype=np.int64)
    signs = state.emit(ir.Threshold(state.names.new(name), (op,), table, falls, -1, 2))
    return Codes(signs, quantiser.scale, 0)


def lower_output(state: LoweringState, name: str, value: Codes | Tail | RealInput | Lost) -> None:
    """The graph's output edge for the value ``name`` of the source."""
    if isinstance(value, Codes | Tail) and value.order is not None:
        state.refuse(name, "a flattened image must go into a layer", "end in a linear layer")
        return
    if isinstance(value, RealInput):
        state.refuse(name, "network must hold a layer", "add a quantised linear layer")
    if isinstance(value, Codes) and value.scale.ndim:
        value = state.tail_of(value)
    if isinstance(value, Codes):
        state.outputs[value.op] = ir.OutputEdge(float(value.scale), value.zero_point)
    elif isinstance(value, Tail):
        _logits(state, name, value)


def _logits(state: LoweringState, name: str, value: Tail) -> None:
    remedy = "leave the activation of the last layer out, or quantise after it"
    try:
        form = affine_form(value.tail)
    except ValueError:
        state.refuse(name, "logits must be affine in the last layer's sums", remedy)
        return
    if form.bounded:
        state.refuse(name, "logits must be affine in the last layer's sums", remedy)
        return
    fit = fit_logits(form, state.types[value.op].range)
    op = state.emit(
        ir.Requantize(
            state.names.new(f"{value.op}.logits"),
            (value.op,),
            fit.multiplier,
            fit.offset,
            0,
            Rounding.FLOOR,
        )
    )
    state.notes.append(ir.LayerNote(op, "logits", error_bound=fit.error_bound))
    for larger in value.larger:
        op = emit_larger(state, f"{name}.larger", larger, op)
    state.outputs[op] = ir.OutputEdge(fit.unit)
