"""Which memory of a device holds a table with the least waste.

A memory of any depth and width is tiled from one shape of one kind of primitive, so the primitives
needed follow from two divisions per shape. Kinds are compared by the share of the device that they
would take. Distributed memory is one of the kinds, because a few rows of many bits waste most of
every block; but look-up tables are what engines are made of, so their share weighs more, and deep
distributed memory is slow, so its depth is limited. Memories without contents at start (URAM) are
considered only for tables that are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .base import Device, MemoryKind
from .memory import MemoryStyle, lut_memory_cost

__all__ = ["Sizing", "size", "size_for"]

LUT_WEIGHT = 4
"""How much more a share of the look-up tables weighs than the same share of the blocks."""

DISTRIBUTED_TILES = 4
"""Distributed memory is at most so many times as deep as one primitive: one multiplexer."""


@dataclass(frozen=True)
class Sizing:
    """A kind of memory, tiled.

    Parameters
    ----------
    kind : :class:`str`
        Name of the device's memory kind, or ``"lutram"``.
    shape : (:class:`int`, :class:`int`)
        Depth and width of one primitive as used.
    primitives : :class:`int`
        How many; look-up tables for ``"lutram"``.
    bits_per_weight_bit : :class:`float`
        Bits of memory taken for each bit that is stored; 1 is no waste.
    share : :class:`float`
        Of the device's memories of that kind (of its look-up tables for ``"lutram"``).
    """

    kind: str
    shape: tuple[int, int]
    primitives: int
    bits_per_weight_bit: float
    share: float

    @property
    def style(self) -> MemoryStyle:
        """What `MemoryConfig` calls it."""
        if self.kind == "lutram":
            return "distributed"
        return "ultra" if self.kind == "uram" else "block"


def size(depth: int, width: int, kinds: Sequence[MemoryKind]) -> Sizing:
    """The kind and shape that take the smallest share of their memories.

    Raises
    ------
    ValueError
        If there is no kind to choose from.
    """
    if not kinds:
        raise ValueError("Kinds of memory must be one or more, not none")
    return min(
        (
            Sizing(
                kind.name,
                shape,
                primitives := -(-depth // shape[0]) * -(-width // shape[1]),
                primitives * kind.bits / (depth * width),
                primitives / kind.count,
            )
            for kind in kinds
            for shape in kind.shapes
        ),
        # Among equals the least waste, then the deepest: it needs the smallest multiplexer.
        key=lambda sizing: (sizing.share, sizing.bits_per_weight_bit, -sizing.shape[0]),
    )


def size_for(device: Device, depth: int, width: int, *, loaded: bool) -> Sizing:
    """The best memory of a device, distributed memory included.

    ``loaded`` says that the contents come after start, through a load port, so that memories
    without contents at start may be used and distributed memory needs a write port.
    """
    blocks = [kind for kind in device.memories if kind.initialised or loaded]
    best = size(depth, width, blocks)
    if depth > DISTRIBUTED_TILES * device.lutram_depth:
        return best
    luts = lut_memory_cost(device, depth, width, None if loaded else width, 2).lut
    if LUT_WEIGHT * luts / device.lut > best.share:
        return best
    rows = -(-depth // device.lutram_depth) * device.lutram_depth
    return Sizing("lutram", (rows, width), round(luts), rows / depth, luts / device.lut)
