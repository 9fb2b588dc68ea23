"""What users write, made of primitives: rounding, clipping, shifts by values, bit lengths, tables.

Each function takes nodes and gives a node whose range is the operation's own (`ranges`), which is
often narrower than the primitives alone would show. A shift by a value is a row of choices, one for
each bit of the amount. Rounding by a value keeps two more bits than the result, the lower of which
collects every bit that has been dropped below it ("sticky"), so that a tie can still be told.
"""

from __future__ import annotations

from ..base import IntegerRange, Rounding
from . import simplify
from .graph import Node
from .ranges import RANGES, clip_range, round_shift_range

__all__ = [
    "absolute", "bit_length", "clip", "maximum", "minimum", "round_shift", "shift_left",
    "shift_right",
]  # fmt: skip


def absolute(a: Node) -> Node:
    """All bits turned over where the sign is set, plus one there."""
    if a.range.low >= 0:
        return a
    sign = simplify.shift(a, 1 - a.width)
    turned = simplify.bitwise("xor", a, sign)
    proven = RANGES["absolute"](a.range)
    return simplify.add(turned, simplify.low_bits(sign, 1), values=proven)


def minimum(a: Node, b: Node) -> Node:
    if a.range.high <= b.range.low:
        return a
    return simplify.select(simplify.less(a, b), a, b, RANGES["minimum"](a.range, b.range))


def maximum(a: Node, b: Node) -> Node:
    if a.range.low >= b.range.high:
        return a
    return simplify.select(simplify.less(a, b), b, a, RANGES["maximum"](a.range, b.range))


def clip(a: Node, limits: IntegerRange) -> Node:
    """Two comparisons side by side, then a choice."""
    graph = a.graph
    low, high = graph.constant(limits.low), graph.constant(limits.high)
    proven = clip_range(a.range, limits)
    inner = simplify.select(simplify.less(high, a), high, a, proven_high(a, limits))
    return simplify.select(simplify.less(a, low), low, inner, proven)


def proven_high(a: Node, limits: IntegerRange) -> IntegerRange:
    """After clipping from above only."""
    return IntegerRange(min(a.range.low, limits.high), min(a.range.high, limits.high))


def shift_left(a: Node, amount: Node) -> Node:
    if amount.is_constant:
        return simplify.shift(a, amount.detail)
    whole = RANGES["shift_left"](a.range, amount.range).union(a.range)
    for place in range(amount.width):
        bit = simplify.low_bits(simplify.shift(amount, -place), 1)
        a = simplify.select(bit, simplify.shift(a, 1 << place), a, whole)
    return a


def shift_right(a: Node, amount: Node) -> Node:
    if amount.is_constant:
        return simplify.shift(a, -amount.detail)
    proven = RANGES["shift_right"](a.range, amount.range)
    for place in reversed(range(amount.width)):
        bit = simplify.low_bits(simplify.shift(amount, -place), 1)
        a = simplify.select(bit, simplify.shift(a, -(1 << place)), a, proven if not place else None)
    return a


def sticky_shift_right(a: Node, amount: Node) -> Node:
    """Like `shift_right`, but the lowest bit is set if any bit was dropped."""
    for place in reversed(range(amount.width)):
        bit = simplify.low_bits(simplify.shift(amount, -place), 1)
        dropped = simplify.low_bits(a, (1 << place) + 1)
        any_dropped = simplify.invert(simplify.equal(dropped, a.graph.constant(0)))
        kept = simplify.shift(a, -(1 << place))
        # The lowest bit of what is kept has been looked at as well, so it is simply replaced.
        jammed = simplify.join(simplify.shift(kept, -1), any_dropped, 1)
        a = simplify.select(bit, jammed, a)
    return a


def round_shift(a: Node, amount: Node, rounding: Rounding) -> Node:
    """``a / 2**amount`` by the named rounding."""
    proven = round_shift_range(a.range, amount.range, rounding)
    if rounding is Rounding.FLOOR or proven.low == proven.high:
        return (
            shift_right(a, amount) if rounding is Rounding.FLOOR else a.graph.constant(proven.low)
        )
    if amount.is_constant:
        return _round_constant(a, amount.detail, rounding, proven)
    one = a.graph.constant(1)
    if rounding is Rounding.HALF_UP:
        doubled = shift_right(simplify.shift(a, 1), amount)
        return simplify.shift(simplify.add(doubled, one), -1)
    # Half a unit and below it: up if more than half, or half and the quotient is odd.
    jammed = sticky_shift_right(simplify.shift(a, 2), amount)
    quotient = simplify.shift(jammed, -2)
    half = simplify.low_bits(simplify.shift(jammed, -1), 1)
    odd_or_more = simplify.bitwise(
        "or", simplify.low_bits(jammed, 1), simplify.low_bits(quotient, 1)
    )
    return simplify.add(quotient, simplify.bitwise("and", half, odd_or_more), values=proven)


def _round_constant(a: Node, places: int, rounding: Rounding, proven: IntegerRange) -> Node:
    """Half is added and the bits cut; half-even then clears the lowest bit of what was a tie."""
    graph = a.graph
    if places == 0:
        return a
    total = simplify.add(a, graph.constant(1 << (places - 1)))
    quotient = simplify.shift(total, -places)
    if rounding is Rounding.HALF_UP:
        return quotient
    # A tie is exactly half: told from the argument, so that it waits for no carry.
    is_tie = simplify.equal(simplify.low_bits(a, places), graph.constant(1 << (places - 1)))
    lowest = simplify.bitwise("and", simplify.low_bits(quotient, 1), simplify.invert(is_tie))
    return simplify.join(simplify.shift(quotient, -1), lowest, 1, proven)


def bit_length(a: Node) -> Node:
    """By halving: is anything in the upper half? Then go on there, else in the lower half."""
    graph = a.graph
    proven = RANGES["bit_length"](a.range)
    if proven.low == proven.high:
        return graph.constant(proven.low)
    if a.range.high == 1:
        return a
    places = (a.width - 1).bit_length() - 1
    result: Node = graph.constant(0)
    bits: list[Node] = []
    for place in reversed(range(places + 1)):
        upper = simplify.shift(a, -(1 << place))
        in_upper = simplify.invert(simplify.equal(upper, graph.constant(0)))
        bits.append(in_upper)
        a = simplify.select(in_upper, upper, simplify.low_bits(a, 1 << place))
    for bit in bits:
        result = simplify.join(result, bit, 1)
    # What is left is the top bit itself: one more unless the number was zero.
    return simplify.add(result, a, values=proven)
