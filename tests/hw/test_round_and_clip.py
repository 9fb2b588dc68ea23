"""Rounding and clipping: what is built follows from what the range can reach."""

from __future__ import annotations

import pytest

from sterna_hw.base import IntegerRange, Rounding
from sterna_hw.round_and_clip import RoundAndClipConfig

BYTE = IntegerRange(-128, 127)


@pytest.mark.parametrize(
    ("sums", "shift", "rounding", "latency", "result"),
    [
        (IntegerRange(-128, 127), 0, Rounding.FLOOR, 0, (-128, 127)),
        (IntegerRange(-129, 127), 0, Rounding.FLOOR, 2, (-129, 127)),
        (IntegerRange(-256, 255), 1, Rounding.HALF_UP, 0, (-128, 127)),
        (IntegerRange(-256, 254), 1, Rounding.HALF_EVEN, 1, (-128, 127)),
        (IntegerRange(-254, 254), 1, Rounding.HALF_EVEN, 1, (-128, 127)),  # -127 may fall by one
        (IntegerRange(0, 600), 2, Rounding.HALF_EVEN, 3, (0, 150)),
    ],
)
def test_stages_follow_the_range(sums, shift, rounding, latency, result) -> None:
    config = RoundAndClipConfig(sums, shift, rounding, BYTE)
    assert config.latency == latency
    assert (config.rounded_range.low, config.rounded_range.high) == result


def test_half_is_added_only_where_rounding_is_to_nearest() -> None:
    halves = [RoundAndClipConfig.half(shift, mode) for mode in Rounding for shift in (0, 1, 4)]
    assert halves == [0, 0, 0, 0, 1, 8, 0, 1, 8]
