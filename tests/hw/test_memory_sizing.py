"""Sizing: hand-counted primitives, the least waste, and kinds that cannot serve."""

from __future__ import annotations

import pytest

from sterna_hw.base import DEVICES, find_device
from sterna_hw.memory_sizing import Sizing, size, size_for


@pytest.mark.parametrize(
    ("target", "depth", "width", "loaded", "kind", "shape", "primitives"),
    [
        ("ecp5-85k", 512, 36, False, "ebr", (512, 36), 1),
        ("ecp5-85k", 1024, 36, False, "ebr", (1024, 18), 2),
        ("ecp5-85k", 2048, 30, False, "ebr", (2048, 9), 4),
        ("ecp5-85k", 6000, 4, True, "ebr", (8192, 2), 2),
        ("ecp5-85k", 16, 20, False, "lutram", (16, 20), 20),
        ("ecp5-85k", 65, 20, False, "ebr", (512, 36), 1),
        ("xck26", 1024, 72, False, "bram18", (1024, 18), 4),
        ("xck26", 4096, 72, True, "uram", (4096, 72), 1),
        ("xck26", 4096, 72, False, "bram18", (2048, 9), 16),
        ("xck26", 32, 60, True, "lutram", (32, 60), 40),
    ],
)
def test_by_hand(target, depth, width, loaded, kind, shape, primitives) -> None:
    sizing = size_for(find_device(target), depth, width, loaded=loaded)
    assert (sizing.kind, sizing.shape, sizing.primitives) == (kind, shape, primitives)


def test_no_waste_in_a_full_primitive() -> None:
    kind = find_device("ecp5-85k").memory("ebr")
    assert size(512, 36, [kind]).bits_per_weight_bit == 1.0
    assert size(513, 36, [kind]).bits_per_weight_bit == pytest.approx(2 * 18432 / (513 * 36))


@pytest.mark.parametrize("target", sorted(DEVICES))
@pytest.mark.parametrize("loaded", [False, True])
def test_holds_every_bit_and_nothing_beats_it(target: str, loaded: bool) -> None:
    device = find_device(target)
    for depth in (1, 17, 100, 511, 2049, 9000):
        for width in (1, 5, 36, 100, 333):
            best = size_for(device, depth, width, loaded=loaded)
            assert best.bits_per_weight_bit >= 1.0
            assert best.style in ("block", "distributed", "ultra")
            assert loaded or best.style != "ultra"
            for kind in device.memories:
                if kind.initialised or loaded:
                    rival = size(depth, width, [kind])
                    assert best.share <= rival.share
                    assert rival.primitives * kind.bits >= depth * width


def test_style_names() -> None:
    styles = [Sizing(kind, (1, 1), 1, 1.0, 0.1).style for kind in ("lutram", "uram", "ebr")]
    assert styles == ["distributed", "ultra", "block"]


def test_there_must_be_a_kind() -> None:
    with pytest.raises(ValueError, match=r"^Kinds of memory must be one or more, not none$"):
        size(1, 1, [])
