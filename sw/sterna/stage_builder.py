"""Grows an accelerator's chain of stages, operation by operation.

The builder knows what the stream looks like where the next stage will be: elements of a vector,
their range, how many a beat, and which window they came out of, if any. It adds the part that
carries out an operation, and in front of it whatever makes the stream fit: a gearbox where beats
have another size, a reframe where vectors have another length, a queue where one is asked for.

An image is one frame at the edges and a vector of channels for each pixel inside. A window's
elements come channel group by channel group, all taps of a group in a beat, so that a narrow
stream serves any window; the columns of the weights behind it are brought into that order
(`column_order`), here and whenever weights are loaded.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

import numpy as np

from sterna_hw.axi_stream import element_bytes
from sterna_hw.base import Device, IntegerRange, Process, Step, Timing
from sterna_hw.beat import beat_layout
from sterna_hw.frame_queue import FrameQueueConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.memory_sizing import size_for
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.reframe import ReframeConfig
from sterna_hw.requantize import RequantizeConfig
from sterna_hw.sliding_window import SlidingWindowConfig
from sterna_hw.stage import PartConfig, Stage, port_shape
from sterna_hw.top_k import TopKConfig
from sterna_hw.window_pool import WindowPoolConfig

from .cycles import Network, simulate_network
from .folding import Folding
from .ir import Graph, MatMul, Op, Pool, Requantize, Reshape, Threshold, TopK, Window
from .weights import weight_buffer

__all__ = ["StageBuilder", "column_order", "edge_count", "identifier", "regrouping"]

AXI_BYTES = 8
"""Bytes of an AXI4-Stream beat at the edges: 64 bits, or one element if that is wider."""


def identifier(name: str) -> str:
    """A layer's name as an instance name."""
    return re.sub(r"\W", "_", name)


def edge_count(values: IntegerRange) -> int:
    """Elements of an AXI4-Stream beat."""
    return max(1, AXI_BYTES // element_bytes(values))


def regrouping(
    elements: int, values: IntegerRange, count: int, next_count: int
) -> GearboxConfig | None:
    """The gearbox between parts that give ``count`` and take ``next_count`` elements a beat; none
    where they agree."""
    return None if count == next_count else GearboxConfig(elements, values, count, next_count)


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
    times = simulate_network(network, window.schedule.frame_beats * frames).transfers
    ends = times["reader", "o"][window.schedule.step_count - 1 :: window.schedule.step_count]
    return int(ends[-1] - ends[-2])


def _divisors(number: int) -> list[int]:
    return [count for count in range(1, number + 1) if number % count == 0]


class StageBuilder:
    """Grows the chain: knows what the stream looks like where the next stage will be."""

    def __init__(
        self,
        device: Device,
        reloadable: bool,
        contents: bool,
        count: int,
        values: IntegerRange,
        elements: int,
    ) -> None:
        self.device = device
        self.reloadable = reloadable
        self.contents = contents
        self.count = count
        self.values = values
        self.elements = elements
        self.stages: list[Stage] = []
        self.layers: dict[str, str] = {}
        self.orders: dict[str, np.ndarray] = {}
        self.pace = 0
        self._window: SlidingWindowConfig | None = None
        edges = ("input_edge", "output_edge", "pixels", "image")
        self._taken = {*edges, *(f"{edge}_gearbox" for edge in edges), "control", "top"}

    def reserve(self, name: str) -> None:
        """Keeps a name, the top module's, from being an instance's."""
        self._taken.add(name)

    def _free_name(self, layer: str) -> str:
        """An instance name for a layer that is not taken by another or by the top's own parts."""
        name, number = identifier(layer), 1
        while name in self._taken:
            number += 1
            name = f"{identifier(layer)}_{number}"
        self._taken |= {name, f"{name}_weights", f"{name}_gearbox", f"{name}_queue"}
        return name

    def add(
        self,
        graph: Graph,
        op: Op,
        folding: Folding | None = None,
        queue_rows: int = 0,
        following: Op | None = None,
    ) -> None:
        """Adds an operation. ``folding`` is its own if it is a matmul, that of the operation behind
        (``following``) if it is a window; ``queue_rows`` asks for a queue in front.

        Raises
        ------
        ValueError
            If the hardware has no such operation, or not in this place.
        """
        name = self._free_name(op.name)
        if queue_rows:
            self._add_queue(f"{name}_queue", queue_rows)
        if self._window is not None and not isinstance(op, MatMul | Pool):
            raise ValueError(f"Layer {op.name} must not read a window: only matmul and pool do")
        match op:
            case Window():
                self._add_window(name, op, self._window_count(graph, op, folding, following))
            case Pool():
                self._append(name, self._pool(op), op.name)
            case Reshape():
                self.reframe(name, graph.types[op.name].channels)
                return
            case MatMul():
                assert folding is not None
                self._add_engine(name, op, folding, graph.types[op.name].range)
            case Threshold():
                self._append(name, self._threshold(name, op), op.name)
            case Requantize():
                self._append(name, self._requantize(name, op), op.name)
            case TopK():
                part = TopKConfig(
                    elements=self.elements, count=self.count, input_range=self.values, k=op.k
                )
                self._append(name, part, op.name)
            case _:
                raise ValueError(f"Layer {op.name} must be one the hardware has, not {op.kind}")
        if not isinstance(op, Window):
            self._window = None
        given = port_shape(self.stages[-1].part, "o")
        self.values, self.elements, self.count = given.values, given.elements, given.count

    def reframe(self, name: str, elements: int) -> None:
        """Vectors of another length, if they do not have it already."""
        if elements == self.elements:
            return
        short = min(elements, self.elements)
        self.regroup(f"{name}_gearbox", max(n for n in _divisors(short) if n <= self.count))
        self.stages.append(
            Stage(name, ReframeConfig(self.elements, elements, self.values, self.count))
        )
        self.elements = elements

    def regroup(self, name: str, count: int) -> None:
        """A gearbox to ``count`` elements a beat, if they are not so many already."""
        part = regrouping(self.elements, self.values, self.count, count)
        if part is not None:
            self.stages.append(Stage(name, part))
            self.count = count

    def _add_queue(self, name: str, rows: int) -> None:
        width = beat_layout(self.values, self.count).size
        style = size_for(self.device, rows, width, loaded=True).style
        style = "distributed" if style == "distributed" else "block"
        part = FrameQueueConfig(self.elements, self.values, self.count, rows, name, style)
        self.stages.append(Stage(name, part))

    def _window_count(
        self, graph: Graph, op: Window, folding: Folding | None, following: Op | None
    ) -> int:
        """Channels of a beat through a window: the fewest with which engine and window together
        keep the pace, or where a pooling reads it, that keep pace with what comes in."""
        counts = _divisors(self.elements)
        if not isinstance(following, MatMul) or folding is None:
            return next((count for count in counts if count >= self.count), self.elements)
        engine = folding.engine_config(following, graph.types[op.name].range, None)
        busy = engine.timing().busy_cycles
        pace = max(self.pace, busy * op.positions)
        pixels = max(op.rows.size * op.columns.size, op.positions)
        for count in counts:
            fits = pixels * (self.elements // count) <= pace
            if fits and _window_interval(self._window_part("window", op, count), busy) <= pace:
                return count
        return self.elements

    def _window_part(self, name: str, op: Window, count: int) -> SlidingWindowConfig:
        return SlidingWindowConfig(
            op.rows, op.columns, self.elements, self.values, count, op.pad_value, name
        )

    def _add_window(self, name: str, op: Window, count: int) -> None:
        self.regroup(f"{name}_gearbox", count)
        config = self._window_part(name, op, count)
        width = config.memory(0, 0).width
        sizing = size_for(self.device, config.bank_depth, width, loaded=True)
        style = "distributed" if sizing.style == "distributed" else "block"
        self._window = replace(config, style=style)
        self.stages.append(Stage(name, self._window))

    def _pool(self, op: Pool) -> WindowPoolConfig:
        window = self._window
        if window is None or window.taps != op.taps:
            raise ValueError(f"Layer {op.name} must read a window of {op.taps} taps")
        mode = "max" if op.mode == "max" else "sum"
        return WindowPoolConfig(window.channels, op.taps, self.values, window.count, mode)

    def _append(self, name: str, part: PartConfig, layer: str) -> None:
        self.stages.append(Stage(name, part))
        self.layers[name] = layer

    def _add_engine(self, name: str, op: MatMul, folding: Folding, proven: IntegerRange) -> None:
        accumulator = None if self.reloadable else proven
        config = folding.engine_config(op, self.values, accumulator)
        self.regroup(f"{name}_gearbox", config.block_inputs)
        weights = op.weights if self.contents else None
        if self._window is not None:
            self.orders[name] = column_order(self._window)
            weights = None if weights is None else weights[:, self.orders[name]]
        buffer = weight_buffer(f"{name}_weights", config, weights, self.device, self.reloadable)
        self.stages.append(Stage(name, config, buffer))
        self.layers[name] = op.name

    def _threshold(self, name: str, op: Threshold) -> MultiThresholdConfig:
        return MultiThresholdConfig(
            channels=self.elements,
            count=self.count,
            input_range=self.values,
            thresholds=op.thresholds,
            descending=op.descending.astype(bool),
            low=op.low,
            step=op.step,
            reloadable=self.reloadable,
            name=name,
        )

    def _requantize(self, name: str, op: Requantize) -> RequantizeConfig:
        multiplier, offset = (
            IntegerRange.of_values(values) for values in (op.multiplier, op.offset)
        )
        if self.reloadable:
            # Other networks have other scales: room for parameters four times as large.
            multiplier, offset = (
                IntegerRange.of_width(values.width + 2, signed=True)
                for values in (multiplier, offset)
            )
        result = op.clip
        if result is None:
            result = op.result_range(self.values)
            if self.reloadable:
                sums = self.values * multiplier + offset
                ends = np.array([sums.low, sums.high])
                result = IntegerRange.of_values(op.rounding.shift_right(ends, op.shift))
        return RequantizeConfig(
            channels=self.elements,
            count=self.count,
            input_range=self.values,
            multiplier=op.multiplier,
            offset=op.offset,
            shift=op.shift,
            rounding=op.rounding,
            output_range=result,
            reloadable=self.reloadable,
            multiplier_range=multiplier,
            offset_range=offset,
            name=name,
        )
