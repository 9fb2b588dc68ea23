"""Random kernels: a seeded list of operations, valid for the ranges that they meet.

A program is drawn step by step while it is traced, so that products and shifts stay within sizes
that hardware and 64-bit integers bear. What is drawn is then fixed: the kernel replays it on
whatever it is given, be it integers, arrays or traced values.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from sterna_hw.base import IntegerRange, Rounding
from sterna_hw.kernel import (
    Kernel,
    KernelConfig,
    bit_length,
    clip,
    kernel,
    maximum,
    minimum,
    round_shift,
    select,
    table,
    wrap,
)
from sterna_hw.kernel.graph import Graph
from sterna_hw.kernel.values import Traced

LARGEST_WIDTH = 44
NAMES = ("first", "second", "third")

Step = Callable[[list[Any]], Any]


def random_range(generator: random.Random) -> IntegerRange:
    width = generator.choice([1, 3, 6, 8, 8, 12, 16, 18, 24])
    low = generator.choice([0, -generator.getrandbits(width), -generator.getrandbits(width)])
    return IntegerRange(low, low + generator.randrange(1, 1 << width))


def random_step(generator: random.Random, widths: list[int]) -> Step:
    """One operation on values drawn so far, given how wide they are."""

    def pick(limit: int = LARGEST_WIDTH) -> int:
        fitting = [place for place, width in enumerate(widths) if width <= limit]
        # Recent values more often: chains are longer than trees.
        return generator.choice(fitting[-3:] if generator.random() < 0.6 and fitting else fitting)

    number = generator.randint(-300, 300)
    places = generator.randrange(0, 12)
    rounding = generator.choice(list(Rounding))
    low = generator.randint(-500, 100)
    high = low + generator.randrange(0, 900)
    mask = generator.choice([1, 3, 7])
    entries = [generator.randint(-200, 999) for _ in range(generator.choice([4, 32, 64, 128, 512]))]
    a, b, c = pick(LARGEST_WIDTH - 2), pick(LARGEST_WIDTH - 2), pick()
    narrow, other = pick(26), pick(26)  # every input is at most so wide
    steps: list[Step] = [
        lambda v: v[a] + v[b],
        lambda v: v[a] - v[b],
        lambda v: v[a] + number,
        lambda v: number - v[a],
        lambda v: -v[a],
        lambda v: abs(v[a]),
        *[lambda v: v[narrow] * v[other]] * 4,
        lambda v: v[narrow] * number,
        lambda v: minimum(v[a], v[b]),
        lambda v: maximum(v[a], number),
        lambda v: (v[a] < v[b]) + (v[a] >= number) * 2,
        lambda v: (v[a] == v[c]) | (v[a] != number),
        lambda v: select(v[a] > v[b], v[c], v[a]),
        lambda v: select(v[c] & 1, v[a], number),
        lambda v: v[narrow] << (places % 8),
        lambda v: v[a] >> places,
        lambda v: v[narrow] << (v[c] & mask),
        lambda v: v[a] >> (v[c] & mask),
        lambda v: round_shift(v[a], places, rounding),
        lambda v: round_shift(v[a], v[c] & mask, rounding),
        lambda v: clip(v[a], low, high),
        lambda v: bit_length(abs(v[a])),
        lambda v: v[a] & v[b],
        lambda v: (v[a] | number) ^ v[b],
        lambda v: ~v[a] & 0xFFF,
        *[lambda v: table(entries, v[a] & (len(entries) - 1))] * 2,
        lambda v: wrap(v[a], places + 1),
    ]
    return generator.choice(steps)


def random_kernel(seed: int) -> tuple[Kernel, dict[str, IntegerRange]]:
    """A kernel of one to three inputs and three to ten operations, and its ranges."""
    generator = random.Random(seed)
    ranges = {name: random_range(generator) for name in NAMES[: generator.randint(1, 3)]}
    graph = Graph()
    values: list[Any] = [Traced(graph.input(name, r)) for name, r in ranges.items()]
    steps: list[Step] = []
    for _ in range(generator.randint(3, 10)):
        step = random_step(generator, [value.range.width for value in values])
        values.append(step(values))
        steps.append(step)
    # The last value, and another one that may have to wait for it.
    kept = [len(values) - 1]
    if generator.random() < 0.4:
        kept.append(generator.randrange(len(values)))

    def replay(given: list[Any]) -> Any:
        for step in steps:
            given.append(step(given))
        results = [given[place] for place in kept]
        return tuple(results) if len(results) > 1 else results[0]

    functions: dict[int, Callable[..., Any]] = {
        1: lambda first: replay([first]),
        2: lambda first, second: replay([first, second]),
        3: lambda first, second, third: replay([first, second, third]),
    }
    made = functions[len(ranges)]
    made.__name__ = f"random{seed}"
    return kernel(made), ranges


def random_config(seed: int) -> KernelConfig:
    """A part with that kernel: sizes, rate and clock target drawn too."""
    function, ranges = random_kernel(seed)
    generator = random.Random(seed + 1_000_000)
    return KernelConfig(
        function,
        ranges,
        elements=generator.randint(1, 5),
        count=generator.choice([1, 1, 2, 3]),
        common=("second",) if len(ranges) > 1 and generator.random() < 0.3 else (),
        interval=generator.choice([1, 1, 1, 2, 3, 5]),
        depth=generator.choice([2, 3, 4, 4, 6]),
    )
