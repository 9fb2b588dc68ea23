"""The table of what a random network is made of: each maker adds an operation or a few to a draft.

To fuzz a new operation, write a maker and give it a line in `MAKERS`: how often it is drawn, when
it can be (its rule about the last value), and the function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sterna.ir import (
    Add,
    Concat,
    GlobalPool,
    GroupMatMul,
    PixelShuffle,
    Pool,
    Requantize,
    Reshape,
    Table,
    Threshold,
    Upsample,
    Window,
)
from sterna_hw.base import IntegerRange, Rounding, WindowAxis

from .draft import Draft, random_letters, random_weights

__all__ = ["MAKERS", "Maker", "narrow"]


@dataclass(frozen=True)
class Maker:
    """``weight`` is how often the maker is drawn, relative to the others that fit."""

    weight: int
    fits: Callable[[Draft], bool]
    make: Callable[[Draft], None]


def _axis(draft: Draft, size: int) -> WindowAxis:
    """Any window over so many inputs."""
    while True:
        kernel, dilation = draft.number(1, 3), draft.pick(1, 1, 1, 2)
        span = (kernel - 1) * dilation + 1
        before, after = draft.number(0, span - 1), draft.number(0, span - 1)
        if span <= before + size + after:
            return WindowAxis(size, kernel, draft.pick(1, 1, 2), dilation, before, after)


def _window(draft: Draft, rows: WindowAxis, columns: WindowAxis, pad_value: int) -> None:
    draft.add(Window(draft.name("window"), (draft.tip,), rows, columns, pad_value))


def _inner_value(draft: Draft) -> int:
    """A value of the last one's range, to pad with: zero if it can be."""
    values = draft.kind.range
    return min(max(0, values.low), values.high)


def matmul(draft: Draft) -> None:
    """Along the last axis; on an image a convolution of one pixel."""
    inputs = draft.kind.channels
    name = draft.name("matmul")
    draft.add(random_weights(draft.generator, name, draft.tip, draft.number(1, 10), inputs))


def convolution(draft: Draft) -> None:
    """A window and a matmul."""
    rows, columns = (_axis(draft, size) for size in draft.kind.shape[:2])
    _window(draft, rows, columns, _inner_value(draft))
    inputs = draft.kind.channels
    name = draft.name("conv")
    draft.add(random_weights(draft.generator, name, draft.tip, draft.number(1, 6), inputs))


def _divisor(draft: Draft, number: int) -> int:
    return draft.pick(*(n for n in range(1, number + 1) if number % n == 0))


def group_convolution(draft: Draft) -> None:
    """A window whose channels are seen in groups, most often each by itself."""
    channels = draft.kind.channels
    groups = channels if draft.number(0, 2) else _divisor(draft, channels)
    rows, columns = (_axis(draft, size) for size in draft.kind.shape[:2])
    _window(draft, rows, columns, _inner_value(draft))
    taps = rows.kernel * columns.kernel
    outputs, seen = groups * draft.number(1, 2), taps * (channels // groups)
    letters = random_letters(draft.generator, outputs, seen)
    draft.add(GroupMatMul(draft.name("groups"), (draft.tip,), *letters, groups, taps))


def global_pool(draft: Draft) -> None:
    draft.add(GlobalPool(draft.name("global"), (draft.tip,), draft.pick("max", "sum")))


def upsample(draft: Draft) -> None:
    name = draft.name("upsample")
    draft.add(Upsample(name, (draft.tip,), draft.number(1, 2), draft.number(1, 2)))


def pixel_shuffle(draft: Draft) -> None:
    down = min(_divisor(draft, draft.kind.channels), 3)
    while draft.kind.channels % down:
        down -= 1
    across = _divisor(draft, draft.kind.channels // down)
    draft.add(PixelShuffle(draft.name("shuffle"), (draft.tip,), down, across))


def table(draft: Draft) -> None:
    """Any values, one row for all channels or one for each."""
    values = draft.kind.range
    rows = draft.pick(1, draft.kind.channels)
    shape = (rows, values.high - values.low + 1)
    entries = draft.generator.integers(-draft.number(0, 90), draft.number(1, 90), shape)
    draft.add(Table(draft.name("table"), (draft.tip,), entries, values.low))


def pool(draft: Draft) -> None:
    """A window of maxima or sums."""
    height, width = draft.kind.shape[:2]
    mode = draft.pick("max", "sum")
    if draft.number(0, 3) == 0:
        rows, columns = _axis(draft, height), _axis(draft, width)
        pad = draft.kind.range.low if mode == "max" else _inner_value(draft)
    else:
        rows, columns = (WindowAxis(size, min(2, size), min(2, size)) for size in (height, width))
        pad = 0
    _window(draft, rows, columns, pad)
    taps = rows.kernel * columns.kernel
    draft.add(Pool(draft.name("pool"), (draft.tip,), mode, taps))


def threshold(draft: Draft) -> None:
    """Levels anywhere in the range and a little beyond, on rising and falling channels."""
    kind, count = draft.kind, draft.pick(1, 2, 3, 7, 15)
    bounds = (kind.range.low - 1, kind.range.high + 2)
    table = np.sort(draft.generator.integers(*bounds, (kind.channels, count)), axis=1)
    falling = draft.generator.integers(0, 2, kind.channels)
    low, step = (-1, 2) if count == 1 and draft.number(0, 1) else (-draft.number(0, 4), 1)
    draft.add(Threshold(draft.name("threshold"), (draft.tip,), table, falling, low, step))


def requantise(draft: Draft) -> None:
    """Dyadic, with any rounding, clipped or not."""
    channels = draft.kind.channels
    shift = draft.number(0, 6)
    multiplier = draft.generator.integers(-20, 50, channels)
    offset = draft.generator.integers(-1000, 1000, channels)
    clip = None
    if draft.width_left < 7 or draft.number(0, 2):
        # Results of a padded beat are zero, so the range holds it.
        clip = IntegerRange(-draft.number(0, 128), draft.number(1, 200))
    rounding = draft.pick(*Rounding)
    name = draft.name("requantise")
    draft.add(Requantize(name, (draft.tip,), multiplier, offset, shift, rounding, clip))


def flatten(draft: Draft) -> None:
    draft.add(Reshape(draft.name("flat"), (draft.tip,), (draft.kind.size,)))


def fold_into_image(draft: Draft) -> None:
    """A vector of a composite length becomes an image of two rows or columns."""
    half = draft.kind.size // 2
    channels = draft.pick(*(n for n in range(1, half + 1) if half % n == 0))
    shape = draft.pick((2, half // channels, channels), (half // channels, 2, channels))
    draft.add(Reshape(draft.name("image"), (draft.tip,), shape))


def _same_place(draft: Draft, channels: int) -> None:
    """A layer that keeps an image's size: one pixel wide or three."""
    if draft.is_image and draft.number(0, 1):
        rows, columns = (WindowAxis(size, 3, 1, 1, 1, 1) for size in draft.kind.shape[:2])
        _window(draft, rows, columns, _inner_value(draft))
    name, inputs = draft.name("branch"), draft.kind.channels
    draft.add(random_weights(draft.generator, name, draft.tip, channels, inputs))


def residual(draft: Draft) -> None:
    """A value and what one or two layers make of it, added; sometimes with a layer on both ways."""
    begin, kind = draft.tip, draft.kind
    for _ in range(draft.number(1, 2)):
        _same_place(draft, kind.channels)
        if draft.number(0, 1):
            threshold(draft)
    long = draft.tip
    draft.tip = begin
    if draft.number(0, 3) == 0:
        _same_place(draft, kind.channels)
    factors = (draft.pick(1, 1, 2, -3), draft.pick(1, 1, 4))
    draft.add(Add(draft.name("add"), (draft.tip, long), factors))


def branches(draft: Draft) -> None:
    """Two or three ways from one value, their channels side by side; one may be the value."""
    begin = draft.tip
    ways = [begin] if draft.number(0, 1) else []
    while len(ways) < 2 or draft.number(0, 3) == 0 and len(ways) < 3:
        draft.tip = begin
        _same_place(draft, draft.number(1, 4))
        if draft.number(0, 1):
            threshold(draft)
        ways.append(draft.tip)
    draft.add(Concat(draft.name("concat"), tuple(ways)))


def narrow(draft: Draft) -> None:
    """What follows when values are wide: one of the two that make them narrow."""
    draft.pick(threshold, threshold, requantise)(draft)


MAKERS: tuple[Maker, ...] = (
    Maker(4, lambda draft: not draft.is_image, matmul),
    Maker(1, lambda draft: draft.is_image, matmul),
    Maker(5, lambda draft: draft.is_image, convolution),
    Maker(2, lambda draft: draft.is_image, pool),
    Maker(2, lambda draft: draft.is_image, group_convolution),
    Maker(1, lambda draft: draft.is_image, global_pool),
    Maker(1, lambda draft: draft.is_image and draft.kind.size <= 60, upsample),
    Maker(1, lambda draft: draft.is_image and draft.kind.channels > 1, pixel_shuffle),
    Maker(2, lambda draft: draft.kind.range.width <= 9, table),
    Maker(2, lambda draft: True, residual),
    Maker(1, lambda draft: True, branches),
    Maker(3, lambda draft: True, threshold),
    Maker(2, lambda draft: True, requantise),
    Maker(1, lambda draft: draft.is_image and draft.kind.size <= 200, flatten),
    Maker(
        1,
        lambda draft: not draft.is_image and draft.kind.size % 2 == 0 and draft.kind.size >= 4,
        fold_into_image,
    ),
)
