"""Every operation as hardware against Python's integers, at several clock targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sterna_hw.base import IntegerRange, find_device
from sterna_hw.kernel import (
    FLOOR,
    HALF_EVEN,
    HALF_UP,
    KernelPipeline,
    bit_length,
    clip,
    kernel,
    leading_zeros,
    maximum,
    minimum,
    round_shift,
    select,
    table,
)

from .pipeline_checks import check_pipeline, simulate

A, B = IntegerRange(-3000, 2500), IntegerRange(-900, 2000)
POSITIVE, WIDE = IntegerRange(3, 60000), IntegerRange(-(1 << 50), (1 << 50) - 7)
SHIFT = IntegerRange(0, 13)

CASES: dict[str, tuple[Callable[..., Any], list[IntegerRange]]] = {
    "add": (lambda a, b: a + b, [A, B]),
    "add constant": (lambda a: a + 5, [A]),
    "add shifted": (lambda a, b: (a << 5) + b + (b << 7), [A, B]),
    "add wide": (lambda a, b: a + b, [WIDE, WIDE]),
    "subtract": (lambda a, b: a - b, [A, B]),
    "subtract shifted": (lambda a, b: a - (b << 4), [A, B]),
    "subtract from constant": (lambda a: 77 - a, [A]),
    "subtract wide": (lambda a, b: a - b, [WIDE, WIDE]),
    "negate": (lambda a: -a, [A]),
    "multiply": (lambda a, b: a * b, [A, B]),
    "multiply wide": (lambda a, b: a * b, [IntegerRange(-(1 << 30), 1 << 30), A]),
    "square": (lambda a: a * a, [A]),
    "by constants": (lambda a: (a * 0, a * 1, a * -1, a * 8, a * -24, a * 7, a * -1365), [A]),
    "by a flag": (lambda a, b: (a < b) * a, [A, B]),
    "absolute": (lambda a: abs(a), [A]),
    "absolute of the lowest": (lambda a: abs(a), [IntegerRange(-8, 7)]),
    "minimum": (lambda a, b: (minimum(a, b), minimum(a, 9), minimum(a, 9000)), [A, B]),
    "maximum": (lambda a, b: (maximum(a, b), maximum(-7, b), maximum(a, -9000)), [A, B]),
    "compare": (lambda a, b: (a < b, a <= b, a > b, a >= b, a == b, a != b), [A, B]),
    "compare closely": (
        lambda a, b: (a < b, a <= b, a > b, a >= b, a == b, a != b),
        [IntegerRange(-2, 2), IntegerRange(-1, 3)],
    ),
    "compare constants": (
        lambda a: (a < 0, a < 8, a >= 96, 5 > a, a > -3001, a == 12, a != -1, 64 <= a),
        [A],
    ),
    "compare wide": (lambda a, b: (a < b, a < (1 << 40) + 1), [WIDE, WIDE]),
    "select": (lambda a, b: (select(a > b, a, b), select(a, 3, b), select(a == 1, 0, 1)), [A, B]),
    "shift": (lambda a: (a << 3, a >> 3, (a << 4) >> 6, (a >> 4) << 6, a >> 40), [A]),
    "shift by a value": (lambda a, s: (a << s, a >> s), [A, SHIFT]),
    "shift by at least": (lambda a, s: (a << s, a >> s), [A, IntegerRange(3, 9)]),
    "shift positive": (lambda a, s: (a << s, a >> s), [POSITIVE, SHIFT]),
    "floor": (lambda a: (round_shift(a, 3, FLOOR), round_shift(a, 0, FLOOR)), [A]),
    "half up": (lambda a: (round_shift(a, 3, HALF_UP), round_shift(a, 1, HALF_UP)), [A]),
    "half even": (
        lambda a: (round_shift(a, 3, HALF_EVEN), round_shift(a, 1, HALF_EVEN)),
        [IntegerRange(-40, 40)],
    ),
    "floor by a value": (lambda a, s: round_shift(a, s, FLOOR), [A, SHIFT]),
    "half up by a value": (lambda a, s: round_shift(a, s, HALF_UP), [A, SHIFT]),
    "half even by a value": (
        lambda a, s: round_shift(a, s, HALF_EVEN),
        [IntegerRange(-40, 40), IntegerRange(0, 5)],
    ),
    "half even by a wide value": (lambda a, s: round_shift(a, s, HALF_EVEN), [A, SHIFT]),
    "clip": (lambda a: (clip(a, -128, 127), clip(a, 0, 9000), clip(a, -5000, 3)), [A]),
    "bit length": (lambda a: (bit_length(a), leading_zeros(a, 16)), [POSITIVE]),
    "bit length of absolute": (lambda a: bit_length(abs(a)), [IntegerRange(-9, 8)]),
    "bits": (lambda a, b: (a & b, a | b, a ^ b, ~a), [A, B]),
    "masks": (lambda a: (a & 255, a & 0x5A, a | 15, a ^ -1, a & -4, a & 0xFFFFF), [A]),
    "small table": (lambda a: table([5, -7, 12, 0, 9, 9, 1, 2], a & 7), [A]),
    "logic table": (lambda a: table(lambda k: k * k - 9, a >> 7), [A]),
    "distributed table": (lambda a: table(lambda k: k * k - 9, a >> 5), [A]),
    "block table": (lambda a: table(lambda k: (k * k) % 1021, a), [A]),
    "wires only": (lambda a: (a >> 2, a & 3), [A]),
    "constant result": (lambda a: (a - a, a * 0 + 3), [A]),
}


@pytest.mark.parametrize("depth", [2, 3, 4, 20], ids=lambda depth: f"depth{depth}")
@pytest.mark.parametrize("name", CASES)
def test_operation(name: str, depth: int) -> None:
    function, ranges = CASES[name]
    made = kernel(function)
    config = KernelPipeline(made, dict(zip(made.inputs, ranges)), depth=depth)
    check_pipeline(config, seed=depth)


@kernel
def rescale(x, mantissa, exponent, *, low):
    return {"code": clip(round_shift(x * mantissa, exponent, HALF_EVEN), low, 127), "raw": x}


def rescaling(**fields: Any) -> KernelPipeline:
    ranges = {
        "x": IntegerRange(-(1 << 23), (1 << 23) - 1),
        "mantissa": IntegerRange(0, 65535),
        "exponent": IntegerRange(0, 40),
    }
    return KernelPipeline(rescale, ranges, constants={"low": -127}, **fields)


@pytest.mark.parametrize("depth", [3, 4], ids=lambda depth: f"depth{depth}")
@pytest.mark.parametrize(
    ("common", "held"),
    [
        ((), ()),
        (("mantissa", "exponent"), ()),
        (("mantissa",), ("exponent",)),
        ((), ("mantissa", "exponent")),
    ],
)
def test_common_and_held_inputs(common: tuple[str, ...], held: tuple[str, ...], depth: int) -> None:
    config = rescaling(count=3, common=common, held=held, depth=depth)
    assert config.outputs["code"] == IntegerRange(-127, 127)
    check_pipeline(config, seed=len(held))


def test_a_held_input_needs_no_registers_of_its_own() -> None:
    device = find_device("ecp5-85k")
    travelling, standing = (
        rescaling(count=1, common=common, held=held).cost(device)
        for common, held in ((("exponent",), ()), ((), ("exponent",)))
    )
    assert standing.ff < travelling.ff


def test_what_is_common_is_built_once() -> None:
    @kernel
    def scaled(x, a, b):
        return x + a * b

    ranges = {"x": A, "a": A, "b": B}
    device = find_device("xck26")
    one, eight = (
        KernelPipeline(scaled, ranges, count=count, common=("a", "b")).cost(device)
        for count in (1, 8)
    )
    assert one.dsp == eight.dsp == 1
    check_pipeline(KernelPipeline(scaled, ranges, count=3, common=("a", "b")), seed=3)


def test_equal_expressions_are_shared() -> None:
    @kernel
    def twice(a, b):
        return (a * b) + (b * a)

    config = KernelPipeline(twice, {"a": A, "b": B})
    assert [node.operation for node in config.timetable.nodes] == [
        "input",
        "input",
        "multiply",
        "shift",
    ]
    check_pipeline(config, seed=1)


def test_deeper_logic_takes_fewer_cycles() -> None:
    latencies = [rescaling(depth=depth).latency for depth in (2, 3, 4, 6, 30)]
    assert latencies == sorted(latencies, reverse=True)
    assert len(set(latencies)) > 3


def test_a_result_comes_exactly_after_the_latency() -> None:
    config = rescaling()
    beats = [{"x": [0], "mantissa": [1], "exponent": [0]} for _ in range(9)]
    beats[4]["x"] = [99]
    assert [beat["code"] for beat in simulate(config, beats)] == [[0]] * 4 + [[99]] + [[0]] * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "Count must be 1 or more, not 0"),
        ({"depth": 1}, "Depth must be 2 or more, not 1"),
        (
            {"common": ("shift",)},
            "Common inputs must be among x, mantissa, exponent, not shift",
        ),
        ({"held": ("y",)}, "Held inputs must be among x, mantissa, exponent, not y"),
    ],
)
def test_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        rescaling(**change)
    assert str(error.value) == message


def test_refuses_values_outside_their_ranges() -> None:
    with pytest.raises(
        ValueError, match=r"^Input exponent must be within \[0, 40\], not \[41, 41\]"
    ):
        rescaling().compute(1, 1, 41)
