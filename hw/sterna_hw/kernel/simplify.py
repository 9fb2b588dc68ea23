"""Nodes by algebra: each function makes the cheapest node that means the same.

Constants are folded, identities removed, shifts and slices pulled through each other, and wires
kept out of carry chains: the low bits of ``a + b * 2**k`` are those of a, so only the bits above
are added. A comparison with a constant looks only at the bits above the constant's trailing zeros.
A product with a constant of few signed digits becomes shifts and additions; what is left over goes
to a multiplier.

Every function takes and gives nodes of one graph; ``values`` narrows the range where the caller can
prove more than the operation alone shows.
"""

from __future__ import annotations

from ..base import IntegerRange
from .graph import BOOLEAN, Graph, Node
from .ranges import bitwise_range

__all__ = [
    "add", "bitwise", "equal", "invert", "join", "less", "low_bits", "multiply", "select",
    "shift", "signed_bits", "signed_digits", "subtract", "trailing_zeros",
]  # fmt: skip

ADDER_DIGITS = 3
"""A constant of at most so many signed digits is multiplied by additions."""


def trailing_zeros(node: Node) -> int:
    """How many low bits are surely zero (a large number for zero itself)."""
    if node.is_constant:
        value = node.detail
        return (value & -value).bit_length() - 1 if value else 1 << 16
    if node.operation == "shift" and node.detail > 0:
        return node.detail + trailing_zeros(node.operands[0])
    if node.operation == "multiply":
        return sum(trailing_zeros(operand) for operand in node.operands)
    if node.operation == "join":
        low = trailing_zeros(node.operands[1])
        return low if low < node.detail else node.detail + trailing_zeros(node.operands[0])
    return 0


def narrowed(values: IntegerRange, proven: IntegerRange | None) -> IntegerRange:
    """What lies in both ranges."""
    if proven is None:
        return values
    return IntegerRange(max(values.low, proven.low), min(values.high, proven.high))


def shift(a: Node, places: int) -> Node:
    """``a * 2**places``, floored."""
    graph = a.graph
    if places == 0:
        return a
    if a.is_constant:
        return graph.constant(a.detail << places if places > 0 else a.detail >> -places)
    if places > 0:
        values = a.range * (1 << places)
    else:
        values = IntegerRange(a.range.low >> -places, a.range.high >> -places)
    if a.operation == "shift" and (a.detail > 0 or places < 0):
        # A floor after a floor is one floor; a left shift loses nothing.
        return shift(a.operands[0], a.detail + places)
    if a.operation == "join" and -places >= a.detail:
        return shift(a.operands[0], places + a.detail)
    return graph.node("shift", (a,), values, places)


def low_bits(a: Node, count: int) -> Node:
    """``a`` modulo ``2**count``."""
    graph, whole = a.graph, IntegerRange(0, (1 << count) - 1)
    if count == 0:
        return graph.constant(0)
    if whole.contains(a.range):
        return a
    if a.is_constant:
        return graph.constant(a.detail & whole.high)
    if trailing_zeros(a) >= count:
        return graph.constant(0)
    if a.operation == "low_bits":
        return low_bits(a.operands[0], min(count, a.detail))
    if a.operation == "join" and count <= a.detail:
        return low_bits(a.operands[1], count)
    return graph.node("low_bits", (a,), whole, count)


def signed_bits(a: Node, count: int) -> Node:
    """The low ``count`` bits of ``a`` as a two's complement number."""
    graph, whole = a.graph, IntegerRange.of_width(count, True)
    if whole.contains(a.range):
        return a
    if a.operation in ("low_bits", "signed_bits") and a.detail >= count:
        return signed_bits(a.operands[0], count)
    if a.is_constant:
        return graph.constant(((a.detail - whole.low) & (2 * whole.high + 1)) + whole.low)
    return graph.node("signed_bits", (a,), whole, count)


def join(high: Node, low: Node, places: int, values: IntegerRange | None = None) -> Node:
    """``high * 2**places + low``."""
    if places == 0:
        return high
    proven = narrowed(high.range * (1 << places) + low.range, values)
    if low.is_constant and low.detail == 0:
        return shift(high, places)
    if high.is_constant and high.detail == 0:
        return low
    return high.graph.node("join", (high, low), proven, places)


def add(a: Node, b: Node, carry: Node | None = None, values: IntegerRange | None = None) -> Node:
    """``a + b + carry``."""
    proven = a.range + b.range + (carry.range if carry else IntegerRange(0, 0))
    proven = narrowed(proven, values)
    if carry is not None and carry.is_constant and carry.detail == 0:
        carry = None
    if carry is not None:
        return a.graph.node("add", (a, b, carry), proven)
    if a is b:
        return shift(a, 1)
    if a.is_constant or trailing_zeros(a) > trailing_zeros(b):
        a, b = b, a
    if a.is_constant and b.is_constant:
        return a.graph.constant(a.detail + b.detail)
    places = trailing_zeros(b)
    if b.is_constant and b.detail == 0:
        return a
    if places:
        high = IntegerRange(proven.low >> places, proven.high >> places)
        total = add(shift(a, -places), shift(b, -places), values=high)
        return join(total, low_bits(a, places), places, proven)
    if not b.is_constant and b.number < a.number:
        a, b = b, a
    return a.graph.node("add", (a, b), proven)


def subtract(
    a: Node, b: Node, borrow: Node | None = None, values: IntegerRange | None = None
) -> Node:
    """``a - b - borrow``."""
    proven = a.range + -b.range + (-borrow.range if borrow else IntegerRange(0, 0))
    proven = narrowed(proven, values)
    if borrow is not None and not (borrow.is_constant and borrow.detail == 0):
        return a.graph.node("subtract", (a, b, borrow), proven)
    if a is b:
        return a.graph.constant(0)
    if b.is_constant:
        return add(a, a.graph.constant(-b.detail), values=values)
    if a.is_constant and a.detail == 0 and b.range == BOOLEAN:
        return signed_bits(b, 1)
    places = trailing_zeros(b)
    if places and not (a.is_constant and a.detail == 0):
        high = IntegerRange(proven.low >> places, proven.high >> places)
        total = subtract(shift(a, -places), shift(b, -places), values=high)
        return join(total, low_bits(a, places), places, proven)
    if places:
        return shift(subtract(a, shift(b, -places)), places)
    return a.graph.node("subtract", (a, b), proven)


def signed_digits(value: int) -> list[tuple[int, int]]:
    """The fewest (sign, place) with ``value == sum(sign * 2**place)``: canonical signed digits."""
    digits, place = [], 0
    while value:
        if value & 1:
            sign = 2 - (value & 3)
            digits.append((sign, place))
            value -= sign
        value >>= 1
        place += 1
    return digits


def multiply(a: Node, b: Node) -> Node:
    """``a * b``."""
    if a.is_constant:
        a, b = b, a
    graph = a.graph
    if b.is_constant:
        return _multiply_by(a, b.detail)
    if a is b:
        ends = (a.range.low**2, a.range.high**2)
        values = IntegerRange(0 if a.range.contains(0) else min(ends), max(ends))
    else:
        values = a.range * b.range
    for left, right in ((a, b), (b, a)):
        if left.operation == "shift" and left.detail > 0:
            return shift(multiply(left.operands[0], right), left.detail)
    for left, right in ((a, b), (b, a)):
        if left.range == BOOLEAN:
            return select(left, right, graph.constant(0))
    if b.number < a.number:
        a, b = b, a
    return graph.node("multiply", (a, b), values)


def _multiply_by(a: Node, factor: int) -> Node:
    graph = a.graph
    if a.is_constant:
        return graph.constant(a.detail * factor)
    if factor == 0:
        return graph.constant(0)
    digits = signed_digits(factor)
    if len(digits) == 1 and factor > 0:
        return shift(a, digits[0][1])
    places = digits[0][1]
    if places:
        return shift(_multiply_by(a, factor >> places), places)
    if len(digits) > ADDER_DIGITS:
        return graph.node("multiply", (a, graph.constant(factor)), a.range * factor)
    total = graph.constant(0)
    # From the highest digit down, so that partial sums start with the sign of the whole.
    partial = 0
    for sign, place in reversed(digits):
        partial += sign << place
        term = shift(a, place)
        values = a.range * partial
        total = (add if sign > 0 else subtract)(total, term, values=values)
    return total


def less(a: Node, b: Node, borrow: Node | None = None) -> Node:
    """1 where ``a < b + borrow``."""
    graph = a.graph
    if borrow is not None and not (borrow.is_constant and borrow.detail == 0):
        return graph.node("less", (a, b, borrow), BOOLEAN)
    if a.range.high < b.range.low:
        return graph.constant(1)
    if a is b or a.range.low >= b.range.high:
        return graph.constant(0)
    if a.is_constant:
        return invert(less(b, graph.constant(a.detail + 1)))
    if b.is_constant and b.detail == 0:
        return low_bits(shift(a, 1 - a.width), 1)  # the sign
    places = trailing_zeros(b)
    if places:
        return less(shift(a, -places), shift(b, -places))
    if a.range == BOOLEAN and b.is_constant:
        return invert(a)
    return graph.node("less", (a, b), BOOLEAN)


def equal(a: Node, b: Node) -> Node:
    """1 where ``a == b``."""
    graph = a.graph
    if a is b:
        return graph.constant(1)
    if a.range.high < b.range.low or b.range.high < a.range.low:
        return graph.constant(0)
    if a.is_constant:
        a, b = b, a
    if a.is_constant:
        return graph.constant(int(a.detail == b.detail))
    if b.is_constant and a.range == BOOLEAN:
        return a if b.detail == 1 else invert(a)
    return graph.node("equal", (a, b), BOOLEAN)


def invert(a: Node) -> Node:
    """The other one of 0 and 1."""
    if a.operation == "xor" and a.operands[1].is_constant and a.range == BOOLEAN:
        return a.operands[0]
    return bitwise("xor", a, a.graph.constant(1))


def select(condition: Node, a: Node, b: Node, values: IntegerRange | None = None) -> Node:
    """``a`` where ``condition`` is 1, ``b`` where it is 0."""
    if condition.is_constant:
        return a if condition.detail else b
    if a is b:
        return a
    if a.is_constant and b.is_constant:
        if (a.detail, b.detail) == (1, 0):
            return condition
        if (a.detail, b.detail) == (0, 1):
            return invert(condition)
    return a.graph.node("select", (condition, a, b), narrowed(a.range.union(b.range), values))


def bitwise(operation: str, a: Node, b: Node) -> Node:
    """``and``, ``or``, ``xor`` of two's complement numbers."""
    graph: Graph = a.graph
    if a.is_constant:
        a, b = b, a
    if a.is_constant or b.is_constant:
        value = b.detail
        if a.is_constant:
            left = a.detail
            results = {"and": left & value, "or": left | value, "xor": left ^ value}
            return graph.constant(results[operation])
        if value == 0:
            return graph.constant(0) if operation == "and" else a
        if value == -1 and operation != "xor":
            return a if operation == "and" else graph.constant(-1)
        if operation == "and" and value > 0 and value & (value + 1) == 0:
            return low_bits(a, value.bit_length())
    if a is b:
        return graph.constant(0) if operation == "xor" else a
    return graph.node(operation, (a, b), bitwise_range(operation, a.range, b.range))
