"""Payload numbers: element order, signs, the end mark, padding, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.beat import beat_layout
from sterna_sim.payloads import (
    frames_to_payloads,
    payloads_to_frames,
    rows_to_payloads,
    split_payload,
)

SIGNED = IntegerRange(-4, 3)


def test_element_0_is_low_and_last_is_on_top() -> None:
    assert frames_to_payloads(np.array([[1, -1, 2]]), SIGNED, 2) == [0b0_111_001, 0b1_000_010]


def test_same_bits_as_the_layout_of_the_hardware() -> None:
    layout = beat_layout(SIGNED, 3)
    bits = layout.const({"data": [-4, 3, -1], "last": 1}).as_bits()
    assert frames_to_payloads(np.array([[-4, 3, -1]]), SIGNED, 3) == [bits]


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_there_and_back(seed: int) -> None:
    generator = np.random.default_rng(seed)
    low, high = sorted(generator.integers(-70, 300, 2).tolist())
    values = IntegerRange(low, high).with_zero()
    elements, count = generator.integers(1, 12, 2).tolist()
    frames = generator.integers(values.low, values.high + 1, (3, elements))
    payloads = frames_to_payloads(frames, values, count)
    np.testing.assert_array_equal(payloads_to_frames(payloads, values, count, elements), frames)


def test_rows_mark_the_end_of_every_frame() -> None:
    rows = np.array([[1, 2], [3, 0], [1, 1], [2, 2]])
    payloads = rows_to_payloads(rows, IntegerRange(0, 3), 2)
    assert [split_payload(payload, IntegerRange(0, 3), 2) for payload in payloads] == [
        ([1, 2], False),
        ([3, 0], True),
        ([1, 1], False),
        ([2, 2], True),
    ]


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"Elements of a stream must be within \[-4, 3\], not 4"):
        frames_to_payloads(np.array([[0, 4]]), SIGNED, 2)
    with pytest.raises(ValueError, match="Payloads must be whole frames of 2 beats, not 1"):
        payloads_to_frames([0], SIGNED, 2, 3)
    with pytest.raises(ValueError, match="Last must be in beat 1 of a frame, not in 0"):
        payloads_to_frames([1 << 6, 1 << 6], SIGNED, 2, 3)
    with pytest.raises(ValueError, match="Padding of a frame's last beat must be zero"):
        payloads_to_frames([0, 0b1_001_000], SIGNED, 2, 3)
