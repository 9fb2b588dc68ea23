"""Block memories as Yosys lays them out; the numbers are what Yosys 0.70 counted."""

from __future__ import annotations

import pytest

from sterna_hw.base import find_device
from sterna_hw.block_memories import tile_blocks, tile_ultra


@pytest.mark.parametrize(
    "target, depth, width, written, blocks",
    [
        ("xck26", 2333, 91, True, 7.0),  # banks side by side, padded to bytes
        ("xck26", 4830, 27, False, 4.0),
        ("xck26", 512, 36, False, 0.5),
        ("ecp5-85k", 512, 36, False, 1),
        ("ecp5-85k", 1024, 19, False, 2),
    ],
)
def test_blocks(target, depth, width, written, blocks):
    assert tile_blocks(find_device(target), depth, width, written=written).blocks == blocks


def test_narrow_memory_has_no_banks_to_join():
    assert tile_blocks(find_device("ecp5-85k"), 16384, 1, written=False).banks == 1
    assert tile_blocks(find_device("ecp5-85k"), 5000, 36, written=False).banks > 1


@pytest.mark.parametrize("depth, width, blocks", [(4096, 72, 1), (4097, 72, 2), (4096, 576, 8)])
def test_ultra(depth, width, blocks):
    assert tile_ultra(depth, width).blocks == blocks
