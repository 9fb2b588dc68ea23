"""Kernels between streams: data under stalls, exact cycles, shared multipliers, errors."""

from __future__ import annotations

from typing import Any

import pytest

from sterna_hw.base import IntegerRange, find_device
from sterna_hw.kernel import HALF_EVEN, HALF_UP, KernelConfig, clip, kernel, round_shift, table
from sterna_hw.verilog import emit
from sterna_sim.lint import lint

from ..part_checks import check_part
from ..part_checks import random_frames as random_plain_frames
from .part_checks import check_kernel_part

BYTE, HALFWORD = IntegerRange(-128, 127), IntegerRange(-32768, 32767)


@kernel
def rescale(x, mantissa, exponent):
    return clip(round_shift(x * mantissa, exponent, HALF_EVEN), -127, 127)


@kernel
def rotate(first, second, cosine, sine):
    return {
        "first": round_shift(first * cosine - second * sine, 14, HALF_UP),
        "second": round_shift(first * sine + second * cosine, 14, HALF_UP),
    }


@kernel
def polynomial(x):
    return ((x * x + 3) * (x - 5) >> 4) * x


@kernel
def cube_root(x):
    return table(lambda value: round(value ** (1 / 3)), abs(x) & 1023) - 3


def rescaling(**fields: Any) -> KernelConfig:
    ranges = {"x": HALFWORD, "mantissa": IntegerRange(0, 4095), "exponent": IntegerRange(0, 20)}
    return KernelConfig(rescale, ranges, **{"elements": 7, "count": 3, **fields})


@pytest.mark.parametrize(
    ("common", "interval"), [((), 1), ((), 2), (("mantissa", "exponent"), 1), (("exponent",), 3)]
)
def test_rescale(common: tuple[str, ...], interval: int) -> None:
    check_kernel_part(rescaling(common=common, interval=interval), seed=interval)


@pytest.mark.parametrize(("interval", "depth"), [(1, 4), (2, 4), (3, 2), (4, 4), (7, 4), (16, 4)])
def test_several_results(depth: int, interval: int) -> None:
    ranges = {name: HALFWORD for name in ("first", "second", "cosine", "sine")}
    config = KernelConfig(rotate, ranges, 4, 2, interval=interval, depth=depth)
    check_kernel_part(config, seed=interval + 10 * depth, frame_count=5)


@pytest.mark.parametrize("interval", [1, 2, 3, 9], ids=lambda n: f"interval{n}")
def test_products_that_wait_for_products(interval: int) -> None:
    config = KernelConfig(polynomial, {"x": IntegerRange(-500, 700)}, 5, 2, interval=interval)
    check_kernel_part(config, seed=interval)


@pytest.mark.parametrize("interval", [1, 3], ids=lambda n: f"interval{n}")
def test_a_last_beat_is_filled_up_with_zeros_whatever_the_kernel_makes_of_zero(
    interval: int,
) -> None:
    config = KernelConfig(cube_root, {"x": HALFWORD}, 5, 4, interval=interval)
    assert config.output_range.contains(0)
    check_part(config, random_plain_frames(config, 6, interval), interval)


def test_a_kernel_with_one_input_and_one_result_has_plain_streams() -> None:
    from sterna_hw.beat import beat_layout

    config = KernelConfig(polynomial, {"x": BYTE}, 4, 2)
    assert config.input_layout == beat_layout(BYTE, 2)
    assert config.output_layout == beat_layout(config.output_range, 2)


def test_multipliers_take_turns() -> None:
    device = find_device("xck26")
    ranges = {name: HALFWORD for name in ("first", "second", "cosine", "sine")}

    def multipliers(interval: int) -> float:
        config = KernelConfig(rotate, ranges, 4, 4, interval=interval)
        return config.cost(device).dsp

    assert [multipliers(n) for n in (1, 2, 3, 4, 8, 16, 20)] == [16, 8, 6, 4, 2, 1, 1]


def test_different_widths_share_and_small_ones_do_not() -> None:
    @kernel
    def mixed(a, b, c):
        return a * b, b * c, a * c, (a & 3) * (c & 7)

    ranges = {"a": BYTE, "b": HALFWORD, "c": IntegerRange(0, 4000)}
    config = KernelConfig(mixed, ranges, 3, 1, interval=3)
    assert len(config.shared.units) == 1
    check_kernel_part(config, seed=0, frame_count=6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elements": 0}, "Elements must be 1 or more, not 0"),
        ({"interval": 0}, "Interval must be 1 or more, not 0"),
        ({"count": -1}, "Count must be 1 or more, not -1"),
        (
            {"common": ("x", "mantissa", "exponent")},
            "Common inputs must be fewer than all, not all",
        ),
        (
            {"ranges": {"x": BYTE}},
            "Inputs of kernel rescale must be x, mantissa, exponent, not x",
        ),
    ],
)
def test_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        rescaling(**change) if "ranges" not in change else KernelConfig(
            rescale, elements=3, **change
        )
    assert str(error.value) == message


@pytest.mark.parametrize("interval", [1, 3], ids=lambda n: f"interval{n}")
def test_lint_is_clean(interval: int) -> None:
    """With tables of logic, shared multipliers, split sums and padding."""

    @kernel
    def mixed(a, b):
        return table(lambda k: k * k % 29, a & 31) * b + cube_root(b), (a << 20) + b * b

    config = KernelConfig(mixed, {"a": HALFWORD, "b": HALFWORD}, 5, 3, interval=interval)
    assert lint(emit(config.create(), "mixed"), "mixed") == []
