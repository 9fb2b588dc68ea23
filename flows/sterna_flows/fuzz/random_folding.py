"""Draws how a layer is folded: any engine, any parallelism up to the layer's size.

To fuzz a new engine, write a function and add it to `FOLDINGS` (or `FIXED_FOLDINGS`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sterna.folding import (
    Folding,
    MacFolding,
    SelectFolding,
    TableFolding,
    UnrolledFolding,
)
from sterna.ir import MatMul

__all__ = ["FOLDINGS", "random_folding", "widest_folding"]

Draw = Callable[[np.random.Generator, MatMul], Folding]

LARGEST_TABLE = 81
"""Entries that a table of a small test may have."""


def _up_to(generator: np.random.Generator, most: int) -> int:
    """1 to ``most``; the ends more often than the rest."""
    choice = generator.integers(4)
    return [1, most][choice] if choice < 2 else int(generator.integers(1, most + 1))


def select(generator: np.random.Generator, layer: MatMul) -> Folding:
    outputs, inputs = layer.weights.shape
    return SelectFolding(_up_to(generator, min(inputs, 12)), _up_to(generator, outputs))


def table(generator: np.random.Generator, layer: MatMul) -> Folding:
    outputs, inputs = layer.weights.shape
    letters, most = len(layer.alphabet), 1
    while most < inputs and letters ** (most + 1) <= LARGEST_TABLE:
        most += 1
    group = _up_to(generator, most)
    tables = _up_to(generator, min(-(-inputs // group), 6))
    fold = bool(layer.alphabet.symmetric and generator.integers(2))
    buffers = int(generator.integers(1, 3))
    return TableFolding(group, tables, _up_to(generator, outputs), fold, buffers)


def mac(generator: np.random.Generator, layer: MatMul) -> Folding:
    outputs, inputs = layer.weights.shape
    block, queries = _up_to(generator, min(inputs, 12)), _up_to(generator, outputs)
    return MacFolding(block, queries, int(generator.choice([18, 27])))


def unrolled(generator: np.random.Generator, layer: MatMul) -> Folding:
    operands = int(generator.integers(2, 4))
    return UnrolledFolding(int(generator.integers(operands - 1, 5)), operands)


FOLDINGS: tuple[Draw, ...] = (select, table, table, mac)
FIXED_FOLDINGS: tuple[Draw, ...] = (unrolled,)
"""Of engines whose weights cannot be loaded."""


def random_folding(
    generator: np.random.Generator, layer: MatMul, reloadable: bool = False
) -> Folding:
    """A folding of a layer."""
    draws = FOLDINGS if reloadable else FOLDINGS + FIXED_FOLDINGS
    return draws[generator.integers(len(draws))](generator, layer)


def widest_folding(
    generator: np.random.Generator, layer: MatMul, reloadable: bool = False
) -> Folding:
    """The folding that works on a whole layer at once."""
    outputs, inputs = layer.weights.shape
    return SelectFolding(inputs, outputs)
