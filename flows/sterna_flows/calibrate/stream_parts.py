"""Configurations of the parts that stand between engines: queues, memories, windows, arithmetic.

Each function draws one configuration of a kind of part for a device. Sizes are those that the zoo's
networks and the planner come to, up to where one run of Yosys takes some seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import unsigned

from sterna_hw.add_streams import AddStreamsConfig
from sterna_hw.axi_stream import AxiStreamOutputConfig
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import Device, IntegerRange, Rounding, WindowAxis
from sterna_hw.concat_streams import ConcatStreamsConfig
from sterna_hw.control import ControlConfig
from sterna_hw.credit import CreditQueueConfig
from sterna_hw.enlarge import EnlargeConfig
from sterna_hw.fork import ForkConfig
from sterna_hw.frame_queue import FrameQueueConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.global_pool import GlobalPoolConfig
from sterna_hw.lookup import LookupConfig
from sterna_hw.memory import MemoryConfig, MemoryStyle
from sterna_hw.memory_queue import MemoryQueueConfig
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.reframe import ReframeConfig
from sterna_hw.register_map import Identity
from sterna_hw.reload import ReloadMemory
from sterna_hw.requantize import RequantizeConfig
from sterna_hw.sliding_window import SlidingWindowConfig
from sterna_hw.stream_buffer import StreamBufferConfig
from sterna_hw.top_k import TopKConfig
from sterna_hw.weight_buffer import WeightBufferConfig
from sterna_hw.wide_buffer import WideBufferConfig
from sterna_hw.window_pool import WindowPoolConfig

from .draws import Draw, Part

__all__ = ["STREAM_PARTS"]


def stream_buffer(draw: Draw, device: Device) -> Part:
    return StreamBufferConfig(unsigned(draw.size(4, 400)), draw.one_of([1, 2, 2, 3, 5, 9, 17, 40]))


def wide_buffer(draw: Draw, device: Device) -> Part:
    return WideBufferConfig(unsigned(draw.size(24, 1000)), draw.one_of([3, 4, 5, 8, 16, 30]))


def credit_queue(draw: Draw, device: Device) -> Part:
    return CreditQueueConfig(
        unsigned(draw.size(4, 300)), draw.size(1, 12), is_wide=draw.chance(0.3)
    )


def frame_queue(draw: Draw, device: Device) -> Part:
    style: MemoryStyle = "block" if draw.chance(0.4) else "distributed"
    rows = draw.size(64, 2000) if style == "block" else draw.size(8, 128)
    count = draw.size(1, 24)
    return FrameQueueConfig(count * draw.size(1, 40), draw.values(1, 12), count, rows, style=style)


def memory_queue(draw: Draw, device: Device) -> Part:
    style: MemoryStyle = "block" if draw.chance(0.4) else "distributed"
    places = draw.size(100, 1500) if style == "block" else draw.size(4, 100)
    return MemoryQueueConfig(unsigned(draw.size(8, 300)), places, style)


def memory(draw: Draw, device: Device) -> Part:
    has_ultra = any(kind.resource == "uram" for kind in device.memories)
    style: MemoryStyle = draw.one_of(["block", "distributed", "ultra" if has_ultra else "block"])
    depth = draw.size(4, 128) if style == "distributed" else draw.size(150, 5000)
    width = draw.size(4, 150)
    loaded = style == "ultra" or draw.chance()
    init = None if style == "ultra" else draw.words(width, depth)
    return MemoryConfig("rows", depth, width, init, style, loaded, draw.one_of([1, 2]))


def weight_buffer(draw: Draw, device: Device) -> Part:
    style: MemoryStyle = "block" if draw.chance() else "distributed"
    rows = draw.size(150, 3000) if style == "block" else draw.size(4, 96)
    elements, count = IntegerRange.of_width(draw.size(2, 6), signed=False), draw.size(2, 60)
    words = draw.words(elements.width * count, rows)
    depth = 512 if style == "block" and rows > 512 and draw.chance(0.4) else None
    loaded = draw.chance()
    return WeightBufferConfig("rows", rows, elements, count, words, style, loaded, bank_depth=depth)


def multi_threshold(draw: Draw, device: Device) -> Part:
    count = draw.size(1, 10)
    channels = count * draw.size(1, 40)
    levels = draw.one_of([1, 1, 3, 7, 15, 15, 15, 31])
    values = IntegerRange.of_width(draw.size(6, 18), signed=True)
    same = draw.chance(0.15)
    rows = np.sort(
        draw.integers(values.low, values.high, (1 if same else channels, levels)), axis=1
    )
    thresholds = rows.repeat(channels, 0) if same else rows
    descending: Any = draw.generator.random(channels) < 0.3 if draw.chance() else False
    loaded = draw.chance(0.3)
    return MultiThresholdConfig(channels, count, values, thresholds, descending, reloadable=loaded)


def requantize(draw: Draw, device: Device) -> Part:
    count = draw.size(1, 8)
    channels = count * draw.size(1, 40)
    values = IntegerRange.of_width(draw.size(8, 20), signed=True)
    scale = draw.size(4, 16)
    fixed = draw.chance(0.3)
    shape = 1 if fixed else channels
    multiplier = draw.integers(1 << scale - 1, (1 << scale) - 1, shape)
    if fixed and draw.chance():
        multiplier = np.array([1 << scale])
    span = min(values.high << scale - 1, (1 << 40) - 1)
    offset = draw.integers(-span, span, channels)
    high = draw.size(4, 8)
    return RequantizeConfig(
        channels=channels,
        count=count,
        input_range=values,
        multiplier=multiplier,
        offset=offset,
        shift=max(values.width + scale - high - 2, 1),
        rounding=draw.one_of([Rounding.FLOOR, Rounding.HALF_UP, Rounding.HALF_EVEN]),
        output_range=IntegerRange.of_width(high, signed=draw.chance()).with_zero(),
    )


def lookup(draw: Draw, device: Device) -> Part:
    values = IntegerRange.of_width(draw.size(2, 8), signed=draw.chance())
    count = draw.size(1, 8)
    channels = count * draw.size(1, 6) if values.width < 6 else count
    rows = channels if values.width < 6 and draw.chance() else 1
    width = draw.size(2, 12)
    table = draw.integers(0, (1 << width) - 1, (rows, 1 << values.width))
    style: MemoryStyle = "block" if values.width > 6 and draw.chance() else "distributed"
    return LookupConfig(channels, count, values, table, style=style)


def gearbox(draw: Draw, device: Device) -> Part:
    taken, given = draw.size(1, 40), draw.size(1, 40)
    if draw.chance(0.5):
        given = taken * draw.size(2, 8) if draw.chance() else max(taken // draw.size(2, 8), 1)
    given = min(given, 64)
    elements = draw.size(max(taken, given), 4 * max(taken, given))
    if draw.chance():
        elements = int(np.lcm(taken, given))
    return GearboxConfig(elements, draw.values(1, 10), taken, given)


def sliding_window(draw: Draw, device: Device) -> Part:
    kernel = draw.one_of([1, 2, 3, 3, 5])
    size = draw.size(kernel + 2, 32)
    pad = draw.one_of([0, kernel // 2])
    stride = draw.one_of([1, 1, 2])
    axis = WindowAxis(size, kernel, stride, 1, pad, pad)
    rows = axis if draw.chance(0.8) else WindowAxis(1)
    count = draw.size(1, 8)
    style: MemoryStyle = "block" if draw.chance(0.3) else "distributed"
    return SlidingWindowConfig(
        rows, axis, count * draw.size(1, 6), draw.values(1, 8), count, style=style
    )


def window_pool(draw: Draw, device: Device) -> Part:
    count = draw.size(1, 12)
    kind: Any = draw.one_of(["max", "sum"])
    channels = count * draw.size(1, 8)
    return WindowPoolConfig(channels, draw.one_of([2, 4, 6, 9]), draw.values(1, 10), count, kind)


def global_pool(draw: Draw, device: Device) -> Part:
    count = draw.size(1, 16)
    kind: Any = draw.one_of(["max", "sum"])
    channels = count * draw.size(1, 24)
    return GlobalPoolConfig(channels, count, draw.size(4, 256), draw.values(1, 12), kind)


def add_streams(draw: Draw, device: Device) -> Part:
    branches = draw.one_of([2, 2, 2, 3])
    ranges = tuple(draw.values(2, 12) for _ in range(branches))
    factors = tuple(draw.one_of([1, 1, 1, 2, -1, 3, 5]) for _ in range(branches))
    count = draw.size(1, 24)
    return AddStreamsConfig(count * draw.size(1, 16), ranges, factors, count)


def concat_streams(draw: Draw, device: Device) -> Part:
    branches = draw.one_of([2, 2, 3, 4])
    count = draw.size(1, 24)
    ranges = tuple(draw.values(1, 12) for _ in range(branches))
    channels = tuple(count * draw.size(1, 12) for _ in range(branches))
    return ConcatStreamsConfig(channels, ranges, count)


def fork(draw: Draw, device: Device) -> Part:
    count = draw.size(1, 24)
    return ForkConfig(
        count * draw.size(1, 16), draw.values(1, 12), count, draw.one_of([2, 2, 3, 4])
    )


def enlarge(draw: Draw, device: Device) -> Part:
    down, across = draw.one_of([1, 2, 2, 3]), draw.one_of([1, 2, 2, 3])
    count = draw.size(1, 8)
    kind: Any = draw.one_of(["repeat", "shuffle"])
    parts = down * across if kind == "shuffle" else 1
    channels = count * draw.size(1, 4) * parts
    style: MemoryStyle = draw.one_of(["block", "distributed"])
    columns = draw.size(3, 8 if style == "distributed" else 24)
    return EnlargeConfig(
        draw.size(3, 16),
        columns,
        channels,
        down,
        across,
        draw.values(2, 10),
        count,
        kind,
        style=style,
    )


def top_k(draw: Draw, device: Device) -> Part:
    elements = draw.size(4, 200)
    most = draw.one_of([1, 1, 2, 3, 5])
    return TopKConfig(elements, min(draw.size(1, 12), elements), draw.values(6, 24), min(most, 4))


def reframe(draw: Draw, device: Device) -> Part:
    count = draw.size(1, 32)
    short = count * draw.size(1, 6)
    long = short * draw.size(2, 60)
    ends = (short, long) if draw.chance() else (long, short)
    return ReframeConfig(*ends, draw.values(1, 16), count)


def input_edge(draw: Draw, device: Device) -> Part:
    count = draw.size(1, 24)
    high = draw.size(1, 500)
    values = IntegerRange(-high if draw.chance() else 0, high)
    return AxiStreamInputConfig(count * draw.size(1, 40), values, count)


def output_edge(draw: Draw, device: Device) -> Part:
    count = draw.size(1, 24)
    return AxiStreamOutputConfig(count * draw.size(1, 40), draw.values(2, 24), count)


def control(draw: Draw, device: Device) -> Part:
    memories = tuple(
        ReloadMemory(f"m{number}", draw.size(8, 4000), draw.size(4, 1000))
        for number in range(draw.one_of([0, 1, 2, 3, 4, 6, 8]))
    )
    identity = Identity(
        build_hash=int(draw.integers(0, 2**32 - 1, 1)[0]),
        input_bytes=draw.size(1, 32),
        output_bytes=draw.size(1, 32),
        input_elements=draw.size(4, 1000),
        output_elements=draw.size(2, 100),
        memories=len(memories),
    )
    return ControlConfig(identity, memories)


STREAM_PARTS = {
    maker.__name__: maker
    for maker in (
        stream_buffer,
        wide_buffer,
        credit_queue,
        memory,
        memory_queue,
        frame_queue,
        weight_buffer,
        multi_threshold,
        requantize,
        lookup,
        gearbox,
        sliding_window,
        window_pool,
        global_pool,
        add_streams,
        concat_streams,
        fork,
        enlarge,
        top_k,
        reframe,
        input_edge,
        output_edge,
        control,
    )
}
"""What draws a configuration, by the kind of part."""
