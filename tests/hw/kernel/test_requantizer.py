"""The requantiser as a kernel of eight lines: the same results in about the same cycles."""

from __future__ import annotations

import numpy as np
import pytest

from sterna_hw.base import IntegerRange, Rounding
from sterna_hw.kernel import KernelPipeline, clip, kernel, select
from sterna_hw.requantize import RequantizeConfig

from .pipeline_checks import simulate


@kernel
def requantize(x, multiplier, offset, *, shift, breaks_ties, low, high):
    """``offset`` holds half a unit already, as the tables of the part do."""
    total = x * multiplier + offset
    quotient = total >> shift
    if breaks_ties:
        is_tie = (total & ((1 << shift) - 1)) == 0
        quotient = select(is_tie, quotient & -2, quotient)
    return clip(quotient, low, high)


def as_kernel(config: RequantizeConfig, depth: int) -> KernelPipeline:
    """The arithmetic of the part between its table and its queue."""
    assert config.multiplier_range is not None
    return KernelPipeline(
        requantize,
        {
            "x": config.input_range,
            "multiplier": config.multiplier_range,
            "offset": config.stored_range,
        },
        config.count,
        depth=depth,
        constants={
            "shift": config.shift,
            "breaks_ties": config.end.breaks_ties,
            "low": config.output_range.low,
            "high": config.output_range.high,
        },
    )


def part(
    input_width: int, multiplier_width: int, shift: int, outputs: IntegerRange, rounding: Rounding
) -> RequantizeConfig:
    generator = np.random.default_rng(shift)
    limit = 1 << (input_width + multiplier_width - 3)
    return RequantizeConfig(
        6,
        2,
        IntegerRange.of_width(input_width, True),
        generator.integers(1, 1 << multiplier_width, 6),
        generator.integers(-limit, limit, 6),
        shift,
        rounding,
        outputs,
    )


BYTE = IntegerRange(-128, 127)
SHAPES = {
    "byte half even": (part(20, 16, 20, BYTE, Rounding.HALF_EVEN), 7, 7),
    "wide half even": (part(24, 18, 24, BYTE, Rounding.HALF_EVEN), 8, 8),
    "nibble half up": (part(14, 12, 16, IntegerRange(0, 15), Rounding.HALF_UP), 5, 4),
    "nibble floor": (part(16, 8, 10, IntegerRange(-8, 7), Rounding.FLOOR), 5, 4),
    "no clipping": (part(8, 4, 2, IntegerRange(-9999, 9999), Rounding.HALF_EVEN), 4, 3),
}


@pytest.mark.parametrize("name", SHAPES)
def test_same_results_as_the_part(name: str) -> None:
    config, _, _ = SHAPES[name]
    pipeline = as_kernel(config, depth=4)
    generator = np.random.default_rng(1)
    low, high = config.input_range.low, config.input_range.high
    frames = generator.integers(low, high + 1, (20, config.channels))
    expected = config.compute(frames)
    multipliers = np.array(config.multiplier)
    offsets = np.array(config.offset) + config.half
    np.testing.assert_array_equal(
        pipeline.compute(
            frames,
            np.broadcast_to(multipliers, frames.shape),
            np.broadcast_to(offsets, frames.shape),
        ),
        expected,
    )
    beats, wanted = [], []
    for frame, results in zip(frames, expected):
        for first in range(0, config.channels, config.count):
            lanes = slice(first, first + config.count)
            beats.append(
                {
                    "x": frame[lanes].tolist(),
                    "multiplier": multipliers[lanes].tolist(),
                    "offset": offsets[lanes].tolist(),
                }
            )
            wanted.append({"data": results[lanes].tolist()})
    assert simulate(pipeline, beats) == wanted


@pytest.mark.parametrize("name", SHAPES)
def test_cycles_beside_those_of_the_part(name: str) -> None:
    """At 32 bits of carry a cycle the scheduler needs no more registers than the hand did."""
    config, by_hand, scheduled = SHAPES[name]
    assert config.multiply.latency + 1 + config.end.latency == by_hand
    assert as_kernel(config, depth=5).latency == scheduled
