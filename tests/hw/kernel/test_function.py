"""Kernels called on integers and arrays, and what they refuse, each in one line that names it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange, Rounding
from sterna_hw.kernel import (
    HALF_EVEN,
    KernelPipeline,
    as_table,
    bit_length,
    clip,
    kernel,
    leading_zeros,
    maximum,
    minimum,
    round_shift,
    select,
    table,
    wrap,
)

BYTE = IntegerRange(-128, 127)


@kernel
def add(a, b):
    return a + b


@kernel
def everything(a, s):
    return {
        "sums": (a + 3) - (5 - a) + -a,
        "product": a * a * -3,
        "magnitude": abs(a),
        "smaller": minimum(a, s * 7),
        "larger": maximum(a, 40),
        "flags": (a < s)
        + 2 * (a <= s)
        + 4 * (a > s)
        + 8 * (a >= s)
        + 16 * (a == s)
        + 32 * (a != s),
        "chosen": select(a > 0, a, s),
        "left": a << s,
        "right": a >> s,
        "rounded": round_shift(a, s, HALF_EVEN),
        "clipped": clip(a, -100, 77),
        "length": bit_length(abs(a)),
        "zeros": leading_zeros(abs(a), 20),
        "bits": (a & 255) | (s ^ a) & ~s,
        "looked_up": table([3, 1, 4, 1, 5, 9, 2, 6], a & 7),
        "function": as_table(lambda k: k % 7)(a),
        "wrapped": wrap(a, 5),
    }


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_arrays_give_what_integers_give(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values, shifts = generator.integers(-500, 500, (5, 40)), generator.integers(0, 12, (5, 40))
    results = everything(values, shifts)
    for (row, column), value in np.ndenumerate(values):
        single = everything(int(value), int(shifts[row, column]))
        for name, result in single.items():
            assert results[name][row, column] == result, (name, value)
    assert {result.dtype for result in results.values()} == {np.dtype(np.int64)}


@pytest.mark.parametrize("rounding", Rounding)
def test_rounding_by_fractions(rounding: Rounding) -> None:
    def nearest(value: Fraction) -> int:
        if rounding is Rounding.FLOOR:
            return math.floor(value)
        if rounding is Rounding.HALF_UP:
            return math.floor(value + Fraction(1, 2))
        return round(value)  # of a fraction: half to even

    for shift in range(7):
        for value in range(-70, 70):
            expected = nearest(Fraction(value, 1 << shift))
            assert round_shift(value, shift, rounding) == expected


def test_broadcasting() -> None:
    result = add(np.arange(6).reshape(2, 3), np.array([10, 20, 30]))
    np.testing.assert_array_equal(result, [[10, 21, 32], [13, 24, 35]])
    np.testing.assert_array_equal(add(np.arange(3), 5), [5, 6, 7])


def test_no_array_wraps_round() -> None:
    @kernel
    def power(a):
        return (a * a * a) >> 60, wrap(a * a * a, 20), clip(a * a * a, -9, 9)

    values = np.array([(1 << 40) + 12345, -(1 << 41) + 7, 3])
    results = power(values)
    for value, *found in zip(values.tolist(), *(result.tolist() for result in results)):
        assert tuple(found) == power(value)
    wide = add(np.array([1 << 62]), np.array([1 << 62]))
    assert wide.tolist() == [1 << 63]
    assert isinstance(wide[0], int)


def test_arrays_of_python_integers_are_welcome() -> None:
    assert add(np.array([1 << 100], dtype=object), 1).tolist() == [(1 << 100) + 1]


def test_a_kernel_within_a_kernel() -> None:
    @kernel
    def four(a, b):
        return add(add(a, b), add(a, b)) * 2

    assert four(3, 4) == 28
    assert KernelPipeline(four, {"a": BYTE, "b": BYTE}).outputs["data"] == IntegerRange(-1024, 1016)


@kernel
def scale(x, *, factor):
    return x * factor


def test_keyword_only_parameters_are_constants() -> None:
    assert scale.inputs == ("x",)
    assert scale.constants == ("factor",)
    assert scale(np.array([4]), factor=3).tolist() == [12]
    config = KernelPipeline(scale, {"x": BYTE}, constants={"factor": 3})
    assert config.outputs == {"data": IntegerRange(-384, 381)}
    assert config.compute(np.array([-128])).tolist() == [-384]


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_proven_ranges_hold_at_every_value(seed: int) -> None:
    generator = random.Random(seed)
    low = generator.randint(-40, 20)
    ranges = {
        "a": IntegerRange(low, low + generator.randint(0, 60)),
        "s": IntegerRange(generator.randint(0, 2), generator.randint(3, 6)),
    }
    proven = KernelPipeline(everything, ranges).outputs
    for a in range(ranges["a"].low, ranges["a"].high + 1):
        for s in range(ranges["s"].low, ranges["s"].high + 1):
            for name, value in everything(a, s).items():
                assert proven[name].contains(value), (name, a, s, value)


def test_exact_ranges() -> None:
    @kernel
    def ranges(x, s):
        return {
            "square": x * x,
            "table": table(lambda k: k * k, x),
            "clip": clip(x, 0, 500),
            "rounded": round_shift(x, s, HALF_EVEN),
            "flag": x < 3,
            "low": x & 15,
        }

    found = KernelPipeline(ranges, {"x": BYTE, "s": IntegerRange(1, 4)}).outputs
    assert found == {
        "square": IntegerRange(0, 16384),
        "table": IntegerRange(0, 16384),
        "clip": IntegerRange(0, 127),
        "rounded": IntegerRange(-64, 64),
        "flag": IntegerRange(0, 1),
        "low": IntegerRange(0, 15),
    }


def traced_on_bytes(function: Callable[..., Any]) -> None:
    made = kernel(function)
    KernelPipeline(made, {name: BYTE for name in made.inputs})


HALVES: Any = lambda value: value / 2  # noqa: E731


def branch(x):
    if x > 3:
        return x
    return -x


def smallest(x, y):
    return min(x, y)


def half(x):
    return x * 0.5


def divide(x):
    return x // 3


def true_divide(x):
    return x / 3


def remainder(x):
    return x % 3


def power(x):
    return x**2


def count_to(x):
    return sum(k for k in range(x))


def loop(x):
    return [value + 1 for value in x]


def root(x):
    return math.sqrt(x)


def bit(x):
    return x[3]


def shift_by_anything(x, y):
    return x >> y


def beyond_the_table(x):
    return table([1, 2, 3], x & 3)


def float_entries(x):
    return table(HALVES, x)


def huge_table(x):
    return table(lambda value: value, x * 1000)


def length_of_negative(x):
    return bit_length(x)


def unknown(x):
    return x.exp()


def moving_limit(x, y):
    return clip(x, 0, y)


def nothing(x):
    return None


CHOICE = "written as select(condition, a, b), minimum or maximum"
DIVISION = "round_shift, or a product with a table of reciprocals"


@pytest.mark.parametrize(
    ("function", "subject", "rest"),
    [
        (branch, "Choice", f"{CHOICE}, not if, and, or, not, while, min or max on a value"),
        (smallest, "Choice", f"{CHOICE}, not if, and, or, not, while, min or max on a value"),
        (half, "Operand of *", "an integer, not 0.5"),
        (divide, "Division", f"{DIVISION}, not //"),
        (true_divide, "Division", f"{DIVISION}, not /"),
        (remainder, "Remainder", "a mask, as in value & 7, not %"),
        (power, "Power", "written as products, not **"),
        (
            count_to,
            "Index or loop count",
            "a constant, or table(values, index), not a value of the kernel",
        ),
        (loop, "Loop", "over constants, not over a value of the kernel"),
        (root, "Value", "an integer, not used as a float"),
        (bit, "Bits", "taken by shifts and masks, not by an index"),
        (shift_by_anything, "Shift", "within [0, 62], not [-128, 127]"),
        (beyond_the_table, "Index of the table", "within [0, 2], not [0, 3]"),
        (float_entries, "Entry of the table", "an integer, not -64.0"),
        (huge_table, "Index of the table", "of at most 65536 numbers, not [-128000, 127000]"),
        (length_of_negative, "Argument of bit_length", "0 or more, not [-128, 127]"),
        (
            unknown,
            "Operation",
            "one that kernels have, not refused: 'Traced' object has no attribute 'exp'",
        ),
        (
            moving_limit,
            "Limit of clip",
            "a constant integer, not a value in [-128, 127]",
        ),
    ],
)
def test_refusals_name_kernel_and_line(
    function: Callable[..., Any], subject: str, rest: str
) -> None:
    line = function.__code__.co_firstlineno + 1
    place = f"in kernel {function.__name__}, line {line},"
    with pytest.raises(ValueError) as error:
        traced_on_bytes(function)
    assert str(error.value) == f"{subject} {place} must be {rest}"


def test_a_refusal_inside_a_nested_kernel_names_the_inner_one() -> None:
    inner = kernel(half)

    def outer(x):
        return inner(x) + 1

    with pytest.raises(ValueError, match=r"^Operand of \* in kernel half, line \d+, must be"):
        traced_on_bytes(outer)


def test_arrays_are_refused_what_hardware_is_refused() -> None:
    for function in (branch, half, divide, root):
        with pytest.raises(ValueError, match=f"in kernel {function.__name__}, line"):
            kernel(function)(np.array([1, 2]))
    with pytest.raises(ValueError, match="^Arguments of a kernel in kernel add.* of type float64"):
        add(np.array([0.5]), 1)


def test_other_refusals() -> None:
    with pytest.raises(ValueError, match="^Result of kernel nothing must be an integer, not None$"):
        traced_on_bytes(nothing)
    with pytest.raises(ValueError, match="^Inputs of kernel add must be a, b, not a$"):
        KernelPipeline(add, {"a": BYTE})
    with pytest.raises(ValueError, match="^Parameters of kernel spread must be named, not "):

        @kernel
        def spread(*values):
            return values[0]

    with pytest.raises(ValueError, match="^Function must be a kernel, not <function branch"):
        KernelPipeline(branch, {"x": BYTE})  # type: ignore[arg-type]
