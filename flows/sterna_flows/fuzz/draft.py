"""A network while it is being drawn: operations so far, and what the last value looks like.

Makers (`op_makers`) add operations to a draft with constants from its generator. The draft hands
out names and keeps values within what small designs carry: `width_left` says how many bits a value
may still grow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from sterna.ir import Input, MatMul, Op, TensorType
from sterna_hw.base import BINARY, SHIFTS, TERNARY, TWO_BIT, Alphabet, IntegerRange

__all__ = ["Draft", "random_letters", "random_weights"]

Choice = TypeVar("Choice")

WIDEST = 22
"""Bits of a value at most; wider ones are made narrow before anything else follows."""

_ALPHABETS: tuple[tuple[Alphabet, int], ...] = (
    (TERNARY, 1),
    (TERNARY, 1),
    (BINARY, 1),
    (TWO_BIT, 1),
    (SHIFTS, 1),
    (TERNARY, 2),
    (TERNARY, 3),
    (TERNARY, 6),
)
_INPUTS = ((0, 1), (0, 3), (0, 15), (0, 255), (-1, 1), (-8, 7), (-128, 127), (-5, 900))


def random_letters(
    generator: np.random.Generator, outputs: int, inputs: int
) -> tuple[np.ndarray, Alphabet, int]:
    """Weights over one of the alphabets, the alphabet, and its planes."""
    alphabet, planes = _ALPHABETS[generator.integers(len(_ALPHABETS))]
    letters = generator.choice(np.array(alphabet.values), size=(planes, outputs, inputs))
    return alphabet.from_planes(letters), alphabet, planes


def random_weights(
    generator: np.random.Generator, name: str, source: str, outputs: int, inputs: int
) -> MatMul:
    """A matmul over one of the alphabets."""
    return MatMul(name, (source,), *random_letters(generator, outputs, inputs))


@dataclass
class Draft:
    """A draft; ``tip`` is the name of the last value."""

    generator: np.random.Generator
    ops: list[Op] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    tip: str = ""

    @property
    def kind(self) -> TensorType:
        """Shape and range of the last value."""
        return self.types[self.tip]

    @property
    def is_image(self) -> bool:
        return len(self.kind.shape) == 3

    @property
    def width_left(self) -> int:
        return WIDEST - self.kind.range.width

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return int(self.generator.integers(low, high + 1))

    def pick(self, *choices: Choice) -> Choice:
        """One of the choices."""
        return choices[self.number(0, len(choices) - 1)]

    def name(self, stem: str) -> str:
        """A name that no operation has yet."""
        return f"{stem}{len(self.ops)}"

    def add(self, op: Op) -> None:
        """Adds an operation, whose result becomes the last value."""
        self.types[op.name] = op.result_type(tuple(self.types[name] for name in op.inputs))
        self.ops.append(op)
        self.tip = op.name

    def begin(self, image: bool) -> None:
        """The input."""
        shape = (self.number(1, 14),)
        if image:
            shape = (self.number(2, 6), self.number(2, 6), self.number(1, 3))
        self.add(Input("x", (), TensorType(shape, IntegerRange(*self.pick(*_INPUTS)))))
