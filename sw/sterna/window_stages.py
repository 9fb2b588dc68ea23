"""Windows as stages: how many channels a beat carries through one, and who may read it.

A window's elements come channel group by channel group, all taps of a group in a beat, so that a
narrow stream serves any window; the columns of the weights behind it are brought into that order
(`column_order`). How wide the stream is follows from who reads it: an engine with its folding, a
pooling, or the groups of a grouped layer. The exact cycle model decides, since a window's reader
may have to wait for whole rows where two frames meet.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from sterna_hw.base import Device, Process, Step, Timing
from sterna_hw.memory_sizing import size_for
from sterna_hw.sliding_window import SlidingWindowConfig
from sterna_hw.window_pool import WindowPoolConfig

from .cycles import Network, simulate_network
from .folding import Folding
from .grouping import Grouping, choose_grouping
from .ir import Graph, GroupMatMul, MatMul, Op, Pool, Window
from .stream_builder import StreamEnd, divisors

__all__ = ["column_order", "pool_part", "window_count", "window_part"]


def column_order(window: SlidingWindowConfig) -> np.ndarray:
    """Which element of a window, counted tap by tap, each element of its stream is."""
    places = np.arange(window.outputs).reshape(window.taps, window.beats, window.count)
    return places.transpose(1, 0, 2).ravel()


@lru_cache(maxsize=1024)
def _window_interval(window: SlidingWindowConfig, busy: int) -> int:
    """Cycles between frames of a window whose reader needs so many for a position, by the exact
    cycle model: at the border of two frames the reader may have to wait for whole rows."""
    frames, beats = 3, window.beats
    step = Step(-(-busy // beats), take=("i", "places"), give=(("o", 1),))
    reader = Timing(("i",), ("o",), (Process("read", (step,)),), {"places": 1}, {"o": "places"})
    parts = {"window": window.timing(), "reader": reader}
    network = Network(parts, [(("window", "o"), ("reader", "i"))])
    offered, port = window.schedule.frame_beats * frames, ("reader", "o")
    times = simulate_network(network, offered, ports=[port]).transfers
    ends = times[port][window.schedule.step_count - 1 :: window.schedule.step_count]
    return int(ends[-1] - ends[-2])


def window_count(
    end: StreamEnd,
    graph: Graph,
    op: Window,
    folding: Folding | None,
    following: Op | None,
    pace: int,
    grouping: Grouping | None = None,
) -> int:
    """Channels of a beat through a window behind ``end``: the fewest with which the engine behind
    (``following``, folded so) and the window together keep the pace, or where a pooling reads it,
    that keep pace with what comes in; a grouped layer behind takes whole groups, as many as
    ``grouping`` says or as keep the pace."""
    if isinstance(following, GroupMatMul):
        pixels = max(op.rows.size * op.columns.size, op.positions)
        grouping = grouping or choose_grouping(following, pixels, op.positions, pace)
        return grouping.beat_groups * following.inside
    counts = divisors(end.elements)
    if not isinstance(following, MatMul) or folding is None:
        return next((count for count in counts if count >= end.count), end.elements)
    engine = folding.engine_config(following, graph.types[op.name].range, None)
    busy = engine.timing().busy_cycles
    pace = max(pace, busy * op.positions)
    pixels = max(op.rows.size * op.columns.size, op.positions)
    for count in counts:
        fits = pixels * (end.elements // count) <= pace
        if fits and _window_interval(_window_config(end, "window", op, count), busy) <= pace:
            return count
    return end.elements


def window_part(
    end: StreamEnd, name: str, op: Window, count: int, device: Device
) -> SlidingWindowConfig:
    """The window, its rows in the kind of memory that holds them best."""
    config = _window_config(end, name, op, count)
    width = config.memory(0, 0).width
    sizing = size_for(device, config.bank_depth, width, loaded=True)
    style = "distributed" if sizing.style == "distributed" else "block"
    return replace(config, style=style)


def _window_config(end: StreamEnd, name: str, op: Window, count: int) -> SlidingWindowConfig:
    return SlidingWindowConfig(
        op.rows, op.columns, end.elements, end.values, count, op.pad_value, name
    )


def pool_part(end: StreamEnd, op: Pool) -> WindowPoolConfig:
    """What gives each channel's largest element or sum of the window at ``end``.

    Raises
    ------
    ValueError
        If there is no such window.
    """
    window = end.window
    if window is None or window.taps != op.taps:
        raise ValueError(f"Layer {op.name} must read a window of {op.taps} taps")
    mode = "max" if op.mode == "max" else "sum"
    return WindowPoolConfig(window.channels, op.taps, end.values, window.count, mode)
