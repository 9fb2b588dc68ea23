"""A decoder in integers: all that the golden model, the memory image and the program are made from.

No floats are left: matrices are ternary, gains, embedding and rotary tables are int16, the head is
int8, and whatever else a float network had (scales of matrices, exponents of gains, constants of
attention) has become one `Scale` per use. Layers are made one at a time by a function, since the
large shapes would not fit in memory at once. `docs/numerics.md`, "Decoders", says what is computed
from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .scale import Scale
from .shape import DecoderShape

__all__ = ["SCALED", "DecoderIntegers", "LayerIntegers"]

SCALED = ("q", "v", "k", "o", "gate", "down")
"""The uses that have a constant, in the order in which memory holds them."""


@dataclass(frozen=True, eq=False)
class LayerIntegers:
    """One layer.

    ``matrices`` has int8 ``[outputs, inputs]`` of -1, 0, 1 by name (`shape.MATRICES`); ``gains``
    int16 by name of the norm; ``constants`` a scale for each of `SCALED`.

    Raises
    ------
    ValueError
        If something is missing, or not of its shape or range.
    """

    shape: DecoderShape
    matrices: Mapping[str, np.ndarray]
    gains: Mapping[str, np.ndarray]
    constants: Mapping[str, Scale]

    def __post_init__(self) -> None:
        for name, size in self.shape.matrix_sizes.items():
            _check(f"Matrix {name}", self.matrices[name], np.int8, size, 1)
        for name, size in self.shape.norm_sizes.items():
            _check(f"Gains of {name}", self.gains[name], np.int16, (size,), 32767)
        if missing := set(SCALED) - set(self.constants):
            raise ValueError(f"Constants of a layer must name {', '.join(sorted(missing))}")


@dataclass(frozen=True, eq=False)
class DecoderIntegers:
    """A whole decoder.

    Parameters
    ----------
    shape : :class:`DecoderShape`
        Sizes and kinds.
    layer : function
        Gives the `LayerIntegers` of a number.
    embedding : int16 ``[vocabulary, hidden]``
    embedding_shift : :class:`int`
        A token's residual is its embedding row times ``2**embedding_shift``; 0 or more.
    fraction_bits : :class:`int`
        Fraction bits of the residual stream.
    rotations : int16 ``[context, head_size/2, 2]``
        Cosine and sine of each position and pair, with 14 fraction bits.
    final_gains : int16 ``[hidden]``
        Of the norm before the head.
    head : int8 ``[vocabulary, hidden]``
    head_constant : :class:`Scale`
        Makes real logits: logit times norm scale times this.
    gate_shift : :class:`int`
        The constant G of the gate.
    synthetic : :class:`bool`
        Whether the weights are random, for cycles and memory only.

    Raises
    ------
    ValueError
        If an array is not of its shape or type.
    """

    shape: DecoderShape
    layer: Callable[[int], LayerIntegers]
    embedding: np.ndarray
    embedding_shift: int
    fraction_bits: int
    rotations: np.ndarray
    final_gains: np.ndarray
    head: np.ndarray
    head_constant: Scale
    gate_shift: int = 10
    synthetic: bool = False

    def __post_init__(self) -> None:
        shape = self.shape
        table = (shape.vocabulary, shape.hidden)
        _check("Embedding", self.embedding, np.int16, table, 32767)
        _check("Head", self.head, np.int8, table, 127)
        _check("Final gains", self.final_gains, np.int16, (shape.hidden,), 32767)
        turns = (shape.context, shape.head_size // 2, 2)
        _check("Rotations", self.rotations, np.int16, turns, 1 << 14)
        if not 0 <= self.embedding_shift <= 8:
            raise ValueError(f"Embedding shift must be 0 to 8, not {self.embedding_shift!r}")
        if not 1 <= self.gate_shift <= 24:
            raise ValueError(f"Gate shift must be 1 to 24, not {self.gate_shift!r}")


def _check(what: str, array: np.ndarray, kind: type, size: tuple[int, ...], largest: int) -> None:
    """An array must have its type and shape, and no value beyond plus or minus ``largest``."""
    if array.dtype != kind or array.shape != size:
        raise ValueError(
            f"{what} must be {np.dtype(kind)} {list(size)}, not {array.dtype} {list(array.shape)}"
        )
    # Plain minimum and maximum: the absolute value of the most negative code would wrap.
    if array.size and not -largest <= int(array.min()) <= int(array.max()) <= largest:
        raise ValueError(f"{what} must be within {-largest} to {largest}")
