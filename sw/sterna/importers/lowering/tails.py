"""Lowering of what ends a float tail, and of what makes it longer.

Element-wise operations behind a layer's sums are only collected. The quantiser that follows ends
them: it becomes thresholds; where it has more than 255 levels, a dyadic requantisation; where the
tail is not monotone, or no multiplier gives it exactly, a table of every value. What cannot be
exact is refused, or measured and noted with ``approximate``.
"""

from __future__ import annotations

from dataclasses import replace

from sterna_hw.base import IntegerRange

from ... import ir
from ...source import Elementwise, IntegerQuantiser, Quantiser
from .enlarging import emit_larger
from .integer_codes import offset_of_codes
from .requantise import fit_requantise
from .state import LoweringState
from .tail import TailError, find_table, find_thresholds
from .values import Codes, Lost, Tail

__all__ = ["MOST_THRESHOLDS", "extend_tail", "quantise_tail"]

MOST_THRESHOLDS = 255
"""Levels beyond which a quantiser becomes a dyadic requantisation instead of thresholds."""


def extend_tail(state: LoweringState, operation: Elementwise, value: Codes | Tail) -> Tail | Lost:
    """A tail with an element-wise operation more."""
    if isinstance(value, Codes):
        value = state.tail_of(value)
    if value.order is not None and any(constant.ndim for constant in operation.constants()):
        remedy = "put it before the flatten or behind the next layer"
        return state.refuse(value.op, "a flattened image must have no channels", remedy)
    if value.channels is not None:
        return replace(value, tail=value.tail.then_by_channel(operation, value.channels))
    return replace(value, tail=value.tail.then(operation))


def quantise_tail(
    state: LoweringState, name: str, quantiser: Quantiser, value: Codes | Tail
) -> Codes | Lost:
    """The codes that a quantiser makes of a tail, and what makes the image larger behind it."""
    if isinstance(value, Codes):
        value = state.tail_of(value)
    inner = quantiser
    if value.channels is not None and quantiser.scale.ndim:
        inner = replace(quantiser, scale=quantiser.scale[value.channels])
    result = _quantise(state, name, inner, value)
    if isinstance(result, Codes):
        for larger in value.larger:
            op = emit_larger(state, f"{name}.larger", larger, result.op)
            result = replace(result, op=op, scale=quantiser.scale)
    return result


def _quantise(state: LoweringState, name: str, quantiser: Quantiser, value: Tail) -> Codes | Lost:
    kind = state.types[value.op].range
    if value.order is not None and quantiser.scale.ndim:
        remedy = "use one scale for the whole tensor"
        return state.refuse(name, "a flattened image must have one scale", remedy)
    try:
        if quantiser.level_count > MOST_THRESHOLDS:
            op = _requantise(state, name, quantiser, value, kind)
        elif not value.tail.is_monotone and (op := _table(state, name, quantiser, value, kind)):
            pass
        else:
            found = find_thresholds(value.tail, quantiser, kind)
            offset = offset_of_codes(found, quantiser, kind)
            if value.op in state.inputs and offset is not None:
                # The quantiser changes no pixel, but what it is worth.
                return Codes(value.op, quantiser.scale, offset, value.order)
            op = state.emit(
                ir.Threshold(
                    state.names.new(name),
                    (value.op,),
                    found.table,
                    found.descending,
                    quantiser.low,
                    quantiser.step,
                )
            )
            form = "enumerated" if found.enumerated else "bisected"
            state.notes.append(ir.LayerNote(op, f"thresholds, {form}"))
    except TailError as error:
        remedy = "use only monotone operations in between, or fewer sums"
        return state.refuse(name, str(error), remedy)
    return op if isinstance(op, Lost) else Codes(op, quantiser.scale, 0, value.order)


def _requantise(
    state: LoweringState, name: str, quantiser: Quantiser, value: Tail, kind: IntegerRange
) -> str | Lost:
    assert isinstance(quantiser, IntegerQuantiser)
    narrower = "quantise to 8 bits or fewer"
    try:
        fit = fit_requantise(value.tail, quantiser, kind)
    except ValueError as error:
        table = _table(state, name, quantiser, value, kind)
        return table or state.refuse(name, str(error), narrower)
    if not fit.exact and (table := _table(state, name, quantiser, value, kind)):
        return table
    if not fit.exact and not state.approximate:
        measured = f"{fit.agreement:.6%} of accumulator values"
        reason = f"dyadic requantisation must be exact, but agrees on {measured}"
        return state.refuse(name, reason, f"{narrower}, or accept approximate=True")
    op = state.emit(
        ir.Requantize(
            state.names.new(name),
            (value.op,),
            fit.multiplier,
            fit.offset,
            fit.shift,
            fit.rounding,
            fit.clip,
        )
    )
    state.notes.append(ir.LayerNote(op, "dyadic", fit.agreement))
    return op


def _table(
    state: LoweringState, name: str, quantiser: Quantiser, value: Tail, kind: IntegerRange
) -> str | None:
    """A table of every value, if it is not too large."""
    table = find_table(value.tail, quantiser, kind)
    if table is None:
        return None
    op = state.emit(ir.Table(state.names.new(name), (value.op,), table, kind.low))
    state.notes.append(ir.LayerNote(op, "table"))
    return op
