"""Pooling: the largest element, or the sum, of each channel over the taps of a window.

A beat holds all taps of ``count`` channels, as `sliding_window` gives them. For each channel a tree
of comparisons or additions, with a register behind each level, makes one element of them. An
average is a sum whose division is left to whatever requantises it, so it stays exact; padding of
an average are zeros that count, of a maximum the smallest value that there is (`pad_value` of the
window). Global pooling is a window as large as the image.

Latency: one for each level of the tree (ceil(log2(taps))), and one. One beat a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .adder_tree import adder_tree, adder_tree_cost, tree_levels
from .base import Cost, Device, IntegerRange, Timing
from .base.cost_table import logic
from .beat import beat_count, beat_layout, beat_signature, shape_of
from .credit import CreditQueueConfig, delay, flags_cost

__all__ = ["PoolKind", "WindowPool", "WindowPoolConfig"]

PoolKind = Literal["max", "sum"]


@dataclass(frozen=True)
class WindowPoolConfig:
    """Pooling of ``channels`` over ``taps``.

    Parameters
    ----------
    channels : :class:`int`
        Elements of a result.
    taps : :class:`int`
        Elements that make one.
    input_range : :class:`IntegerRange`
        Of an element.
    count : :class:`int`
        Channels of a beat.
    kind : ``"max"`` or ``"sum"``

    Raises
    ------
    ValueError
        If a number is not positive, or the kind is neither.
    """

    channels: int
    taps: int
    input_range: IntegerRange
    count: int
    kind: PoolKind = "max"

    def __post_init__(self) -> None:
        for subject in ("channels", "taps", "count"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        if self.kind not in ("max", "sum"):
            raise ValueError(f"Kind of pooling must be max or sum, not {self.kind!r}")

    @property
    def beats(self) -> int:
        """Beats of a window, and of a result."""
        return beat_count(self.channels, self.count)

    @property
    def inputs(self) -> int:
        """Elements of a window, those of missing channels counted."""
        return self.beats * self.input_count

    @property
    def input_count(self) -> int:
        return self.taps * self.count

    @property
    def outputs(self) -> int:
        return self.channels

    @property
    def output_count(self) -> int:
        return self.count

    @property
    def output_range(self) -> IntegerRange:
        return self.input_range if self.kind == "max" else self.input_range * self.taps

    @property
    def latency(self) -> int:
        """Registers from a beat to its result in front of the queue."""
        return tree_levels(self.taps)

    @property
    def queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(self.output_range, self.count), self.latency)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Results, int64 ``(windows, channels)``, of windows ``(windows, inputs)``."""
        windows = np.asarray(frames, dtype=np.int64).reshape(-1, self.beats, self.taps, self.count)
        pooled = windows.max(axis=2) if self.kind == "max" else windows.sum(axis=2)
        return pooled.reshape(len(windows), -1)[:, : self.channels]

    def timing(self) -> Timing:
        return self.queue.timing()

    def cost(self, device: Device) -> Cost:
        """Estimate: a tree of sums or of comparisons, and the queue."""
        rest = self.queue.cost(device) + flags_cost(device, self.latency)
        if self.kind == "sum":
            width = self.output_range.width
            tree = adder_tree_cost(device, self.taps, self.input_range, width, False)
            return rest + tree * self.count
        bits, registers = self.count * self.input_range.width, 0
        left = self.taps
        while left > 1:
            left = -(-left // 2)
            registers += left
        compared = (self.taps - 1) * bits
        # Of a bit or two synthesis makes one table, not a comparison and a choice.
        few = compared if self.input_range.width < 3 else 0
        largest = logic(
            device,
            "window_max",
            ff=registers * bits,
            compared_bits=compared - few,
            few_bits=few,
        )
        return rest + largest

    def create(self) -> WindowPool:
        return WindowPool(self)


class WindowPool(wiring.Component):
    """The part.

    Attributes
    ----------
    i : stream of beats of ``taps * count`` elements, in
    o : stream of beats of ``count`` elements, out
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: WindowPoolConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(config.input_range, config.input_count)),
                "o": Out(beat_signature(config.output_range, config.count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        m.d.comb += [
            self.i.ready.eq(queue.available),
            queue.take.eq(queue.available & self.i.valid),
            queue.push.eq(delay(m, queue.take, config.latency, reset_less=False)),
            queue.result.last.eq(delay(m, self.i.payload.last, config.latency)),
        ]
        elements = self.i.payload.data
        for lane in range(config.count):
            taps = [Value.cast(elements[tap * config.count + lane]) for tap in range(config.taps)]
            if config.kind == "sum":
                leaves = [(tap, config.input_range) for tap in taps]
                pooled, _ = adder_tree(m, platform, leaves, None, config.output_range.width)
            else:
                pooled = _largest(m, taps, config.input_range)
            m.d.comb += queue.result.data[lane].eq(pooled)
        return m


def _largest(m: Module, values: list[Value], values_range: IntegerRange) -> Value:
    """The largest of some values, a register behind each level of the tree."""
    while len(values) > 1:
        winners: list[Value] = []
        for left in range(0, len(values), 2):
            winner = Signal(shape_of(values_range), reset_less=True)
            value = values[left]
            if left + 1 < len(values):
                value = Mux(values[left + 1] > value, values[left + 1], value)
            m.d.sync += winner.eq(value)
            winners.append(winner)
        values = winners
    return values[0]
