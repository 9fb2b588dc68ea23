"""What a kernel's function computes with: Python integers, arrays of them, or traced values.

Plain Python integers need nothing. Everything else is a `Number` and shares its operators, so an
array (`arrays`) accepts exactly what hardware can do and means the same: comparisons give 0 or 1,
there are no floats. A traced value is a node of an expression graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..base import IntegerRange
from . import expand, simplify
from .errors import KernelError
from .graph import Node
from .ranges import RANGES

__all__ = ["Integer", "Number", "Traced", "is_integer"]

Integer = Any
"""For annotations: a Python integer, an array of integers, or a value that is being traced."""


def is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer))


class Number:
    """An integer value that is not a plain Python integer; the operators of kernels."""

    range: IntegerRange
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None
    """Makes numpy leave operators to this class."""

    def apply(self, operation: str, *operands: Number) -> Number:
        """The result of an operation of `RANGES`."""
        raise NotImplementedError

    def lift(self, value: object, operation: str) -> Number:
        """An operand as a number of this kind."""
        if isinstance(value, type(self)):
            return value
        if not is_integer(value):
            found = f"a {type(value).__name__}" if isinstance(value, Number) else repr(value)
            raise KernelError(f"Operand of {operation}", "an integer", found)
        return self.constant(int(value))  # type: ignore[call-overload]

    def constant(self, value: int) -> Number:
        raise NotImplementedError

    def _with(self, symbol: str, operation: str, other: object, reverse: bool = False) -> Number:
        operand = self.lift(other, symbol)
        return (
            self.apply(operation, operand, self)
            if reverse
            else self.apply(operation, self, operand)
        )

    def __add__(self, other: object) -> Number:
        return self._with("+", "add", other)

    def __radd__(self, other: object) -> Number:
        return self._with("+", "add", other, True)

    def __sub__(self, other: object) -> Number:
        return self._with("-", "subtract", other)

    def __rsub__(self, other: object) -> Number:
        return self._with("-", "subtract", other, True)

    def __mul__(self, other: object) -> Number:
        return self._with("*", "multiply", other)

    def __rmul__(self, other: object) -> Number:
        return self._with("*", "multiply", other, True)

    def __and__(self, other: object) -> Number:
        return self._with("&", "and", other)

    def __rand__(self, other: object) -> Number:
        return self._with("&", "and", other, True)

    def __or__(self, other: object) -> Number:
        return self._with("|", "or", other)

    def __ror__(self, other: object) -> Number:
        return self._with("|", "or", other, True)

    def __xor__(self, other: object) -> Number:
        return self._with("^", "xor", other)

    def __rxor__(self, other: object) -> Number:
        return self._with("^", "xor", other, True)

    def __lshift__(self, other: object) -> Number:
        return self._with("<<", "shift_left", other)

    def __rlshift__(self, other: object) -> Number:
        return self._with("<<", "shift_left", other, True)

    def __rshift__(self, other: object) -> Number:
        return self._with(">>", "shift_right", other)

    def __rrshift__(self, other: object) -> Number:
        return self._with(">>", "shift_right", other, True)

    def __neg__(self) -> Number:
        return 0 - self

    def __pos__(self) -> Number:
        return self

    def __invert__(self) -> Number:
        return self ^ -1

    def __abs__(self) -> Number:
        return self.apply("absolute", self)

    def __lt__(self, other: object) -> Number:
        return self._with("<", "less", other)

    def __gt__(self, other: object) -> Number:
        return self._with(">", "less", other, True)

    def __le__(self, other: object) -> Number:
        return self._with("<=", "less", other, True) ^ 1

    def __ge__(self, other: object) -> Number:
        return self._with(">=", "less", other) ^ 1

    def __eq__(self, other: object) -> Number:  # type: ignore[override]
        return self._with("==", "equal", other)

    def __ne__(self, other: object) -> Number:  # type: ignore[override]
        return self._with("!=", "equal", other) ^ 1

    def __bool__(self) -> NoReturn:
        raise KernelError(
            "Choice", "written as select(condition, a, b), minimum or maximum", "if, and, or, not, "
            "while, min or max on a value"
        )  # fmt: skip

    def _refuse(self, subject: str, rule: str, found: str) -> NoReturn:
        raise KernelError(subject, rule, found)

    def __float__(self) -> NoReturn:
        self._refuse("Value", "an integer", "used as a float")

    __complex__ = __float__

    def __truediv__(self, other: object) -> NoReturn:
        self._refuse("Division", "round_shift, or a product with a table of reciprocals", "/")

    __rtruediv__ = __truediv__

    def __floordiv__(self, other: object) -> NoReturn:
        self._refuse("Division", "round_shift, or a product with a table of reciprocals", "//")

    __rfloordiv__ = __floordiv__

    def __mod__(self, other: object) -> NoReturn:
        self._refuse("Remainder", "a mask, as in value & 7", "%")

    __rmod__ = __mod__

    def __pow__(self, other: object) -> NoReturn:
        self._refuse("Power", "written as products", "**")

    __rpow__ = __pow__

    def __index__(self) -> NoReturn:
        self._refuse(
            "Index or loop count", "a constant, or table(values, index)", "a value of the kernel"
        )

    __int__ = __index__

    def __iter__(self) -> NoReturn:
        self._refuse("Loop", "over constants", "over a value of the kernel")

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse("Bits", "taken by shifts and masks", "by an index")


class Traced(Number):
    """A value of a kernel that is being traced."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def range(self) -> IntegerRange:  # type: ignore[override]
        return self.node.range

    def __repr__(self) -> str:
        return f"a value in {self.range}"

    def constant(self, value: int) -> Traced:
        return Traced(self.node.graph.constant(value))

    def apply(self, operation: str, *operands: Number) -> Traced:
        RANGES[operation](*(operand.range for operand in operands))  # says what is refused
        nodes = [operand.node for operand in operands if isinstance(operand, Traced)]
        return Traced(_EXPANSIONS[operation](*nodes))


def _bitwise(operation: str) -> Callable[[Node, Node], Node]:
    return lambda a, b: simplify.bitwise(operation, a, b)


_EXPANSIONS: dict[str, Callable[..., Node]] = {
    "add": simplify.add,
    "subtract": simplify.subtract,
    "multiply": simplify.multiply,
    "absolute": expand.absolute,
    "minimum": expand.minimum,
    "maximum": expand.maximum,
    "less": simplify.less,
    "equal": simplify.equal,
    "select": simplify.select,
    "shift_left": expand.shift_left,
    "shift_right": expand.shift_right,
    "bit_length": expand.bit_length,
    "and": _bitwise("and"),
    "or": _bitwise("or"),
    "xor": _bitwise("xor"),
}
