"""How many block memories a memory takes, as Yosys lays it out.

A primitive can be narrow and deep or wide and shallow. For each width Yosys cuts the rows into
banks of the depth that goes with it, lays the banks' bits side by side and fills primitives with
them, so that what is left of one bank's width serves another; a memory that is written is padded
to whole bytes first. Of all widths and primitives it takes the cheapest by its own weights: so much
for a primitive, half a point for each bit of the multiplexer that joins banks and for each bank's
write enable. The weights are those of Yosys 0.70's memory libraries, checked by synthesis
(``docs/costs.md``): counts are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

from .base import Device

__all__ = ["BlockTiling", "tile_blocks", "tile_ultra"]

BYTE = 9
WIDTHS = (1, 2, 4, 9, 18, 36, 72)


@dataclass(frozen=True)
class _Primitive:
    """``address_bits`` at width 1, how many of `WIDTHS` there are, Yosys' weight, units counted."""

    address_bits: int
    widths: int
    weight: int
    unit: float


_PRIMITIVES = {
    "ecp5": (_Primitive(14, 6, 128, 1),),
    "xilinx": (_Primitive(14, 6, 129, 0.5), _Primitive(15, 7, 257, 1)),
}


@dataclass(frozen=True)
class BlockTiling:
    """``blocks`` in the device's units, and ``banks`` that a multiplexer joins."""

    blocks: float
    banks: int


def tile_blocks(device: Device, depth: int, width: int, *, written: bool) -> BlockTiling:
    """The block memories of ``depth`` rows of ``width`` bits."""
    best: tuple[float, BlockTiling] | None = None
    for primitive in _PRIMITIVES["ecp5" if device.family == "ecp5" else "xilinx"]:
        for step, unit_width in enumerate(WIDTHS[: primitive.widths]):
            banks = -(-depth // (1 << primitive.address_bits - step))
            byte = min(BYTE, unit_width) if written else 1
            count = -(-banks * (-(-width // byte) * byte) // unit_width)
            weight = primitive.weight * count + (banks - 1) * width / 2
            weight += banks / 2 if written and banks > 1 else 0
            if best is None or weight < best[0]:
                best = weight, BlockTiling(count * primitive.unit, banks)
    assert best is not None
    return best[1]


def tile_ultra(depth: int, width: int) -> BlockTiling:
    """The UltraRAMs of ``depth`` rows of ``width`` bits: 4,096 rows of 72 bits each."""
    banks = -(-depth // 4096)
    blocks = min(-(-banks * (-(-width // byte) * byte) // 72) for byte in (8, 9))
    return BlockTiling(blocks, banks)
