"""Grows an accelerator operation by operation: which part carries out which operation.

What makes streams fit in between, and where the builder stands, is `sterna.stream_builder`.

An image is one frame at the edges and a vector of channels for each pixel inside. A window's
elements come channel group by channel group, all taps of a group in a beat, so that a narrow
stream serves any window; the columns of the weights behind it are brought into that order
(`column_order`), here and whenever weights are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from sterna_hw.add_streams import AddStreamsConfig
from sterna_hw.axi_stream import element_bytes
from sterna_hw.base import Device, IntegerRange, Process, Step, Timing
from sterna_hw.concat_streams import ConcatStreamsConfig
from sterna_hw.enlarge import EnlargeConfig
from sterna_hw.global_pool import GlobalPoolConfig
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.lookup import LookupConfig
from sterna_hw.memory_sizing import size_for
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.requantize import RequantizeConfig
from sterna_hw.sliding_window import SlidingWindowConfig
from sterna_hw.stage import PartConfig
from sterna_hw.top_k import TopKConfig
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig
from sterna_hw.window_pool import WindowPoolConfig

from .cycles import Network, simulate_network
from .folding import Folding
from .grouping import choose_grouping
from .ir import (
    Add,
    Concat,
    GlobalPool,
    Graph,
    GroupMatMul,
    MatMul,
    Op,
    PixelShuffle,
    Pool,
    Requantize,
    Reshape,
    Table,
    TensorType,
    Threshold,
    TopK,
    Upsample,
    Window,
)
from .stream_builder import StreamBuilder, StreamEnd, divisors
from .weights import weight_buffer

__all__ = ["StageBuilder", "branch_place", "column_order", "edge_count"]

AXI_BYTES = 8
"""Bytes of an AXI4-Stream beat at the edges: 64 bits, or one element if that is wider."""


def edge_count(values: IntegerRange) -> int:
    """Elements of an AXI4-Stream beat."""
    return max(1, AXI_BYTES // element_bytes(values))


def branch_place(join: str, branch: int) -> str:
    """How the queue of a branch in front of an add or a concat is called (`queues.json`)."""
    return f"{join}[{branch}]"


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


class StageBuilder(StreamBuilder):
    """Adds operations. ``layers`` maps a stage to the operation that it carries out, ``orders``
    an engine behind a window to the order of its columns."""

    def __init__(
        self,
        device: Device,
        reloadable: bool,
        contents: bool,
        count: int,
        values: IntegerRange,
        elements: int,
    ) -> None:
        super().__init__(device, count, values, elements)
        self.reloadable = reloadable
        self.contents = contents
        self.layers: dict[str, str] = {}
        self.orders: dict[str, np.ndarray] = {}
        self.pace = 0

    def add(
        self,
        graph: Graph,
        op: Op,
        folding: Folding | None = None,
        queue_rows: int = 0,
        following: Op | None = None,
        place: str | None = None,
    ) -> None:
        """Adds an operation. ``folding`` is its own if it is a matmul, that of the operation behind
        (``following``) if it is a window; ``queue_rows`` asks for a queue in front, whose ``place``
        is the operation's name if no other is given.

        Raises
        ------
        ValueError
            If the hardware has no such operation, or not in this place.
        """
        name = self.free_name(op.name)
        self.add_queue(f"{name}_queue", queue_rows, op.name if place is None else place)
        end = self.end
        if end.window is not None and not isinstance(op, MatMul | GroupMatMul | Pool):
            raise ValueError(f"Layer {op.name} must not read a window: only matmul and pool do")
        match op:
            case Window():
                self._add_window(name, op, self._window_count(graph, op, folding, following))
            case Pool():
                self._append(name, self._pool(op), op.name)
            case GlobalPool():
                pixels = graph.types[op.inputs[0]].vectors
                mode = "max" if op.mode == "max" else "sum"
                part = GlobalPoolConfig(self.elements, self.count, pixels, self.values, mode)
                self._append(name, part, op.name)
            case Reshape():
                self.reframe(name, graph.types[op.name].channels)
            case MatMul():
                assert folding is not None
                self._add_engine(name, op, folding, graph.types[op.name].range)
            case GroupMatMul():
                self._add_groups(name, op, graph.types[op.name])
            case Threshold():
                self._append(name, self._threshold(name, op), op.name)
            case Requantize():
                self._append(name, self._requantize(name, op), op.name)
            case Upsample() | PixelShuffle():
                self._append(name, self._enlarge(name, op, graph), op.name)
            case Table():
                self._append(name, self._table(name, op), op.name)
            case TopK():
                part = TopKConfig(
                    elements=end.elements, count=end.count, input_range=end.values, k=op.k
                )
                self._append(name, part, op.name)
            case _:
                raise ValueError(f"Layer {op.name} must be one the hardware has, not {op.kind}")

    def add_join(
        self, graph: Graph, op: Op, ends: Sequence[StreamEnd], rows: Sequence[int]
    ) -> None:
        """Adds an operation that reads several streams, with so many rows of a queue in front of
        each.

        Raises
        ------
        ValueError
            If the hardware has no such operation, or a branch is a window.
        """
        if any(end.window is not None for end in ends):
            raise ValueError(f"Layer {op.name} must not read a window: only matmul and pool do")
        channels = [end.elements for end in ends]
        name = self.free_name(op.name)
        count = self._join_count(op, ends, graph.types[op.name].vectors)
        fitting: list[StreamEnd] = []
        for branch, (end, depth) in enumerate(zip(ends, rows, strict=True)):
            self.end = end
            own = self.free_name(f"{op.name}.branch{branch}")
            self.regroup(f"{own}_gearbox", count)
            self.add_queue(f"{own}_queue", depth, branch_place(op.name, branch))
            fitting.append(self.end)
        ranges = tuple(end.values for end in fitting)
        match op:
            case Add():
                part = AddStreamsConfig(channels[0], ranges, op.factors, count)
            case Concat():
                part = ConcatStreamsConfig(tuple(channels), ranges, count)
            case _:
                raise ValueError(f"Layer {op.name} must be one the hardware has, not {op.kind}")
        self.join(name, part, fitting)
        self.layers[name] = op.name

    def _join_count(self, op: Op, ends: Sequence[StreamEnd], vectors: int) -> int:
        """Elements of a beat where branches meet: the fewest that some branch gives and that keep
        the pace, else the most; a beat of a concat must not hold channels of two branches."""
        channels = [end.elements for end in ends]
        counts = sorted({end.count for end in ends})
        total = max(channels)
        if isinstance(op, Concat):
            shared = divisors(math.gcd(*channels))
            # Narrower than any branch only where channels divide no better.
            counts = [n for n in shared if n >= counts[0]] or shared[-1:]
            total = sum(channels)
        keeping = (n for n in counts if vectors * -(-total // n) <= self.pace)
        return next(keeping, counts[-1])

    def _window_count(
        self, graph: Graph, op: Window, folding: Folding | None, following: Op | None
    ) -> int:
        """Channels of a beat through a window: the fewest with which engine and window together
        keep the pace, or where a pooling reads it, that keep pace with what comes in."""
        if isinstance(following, GroupMatMul):
            pixels = max(op.rows.size * op.columns.size, op.positions)
            grouping = choose_grouping(following, pixels, op.positions, self.pace)
            return grouping.beat_groups * following.inside
        counts = divisors(self.elements)
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
        config = replace(config, style=style)
        self.append(name, config, window=config)

    def _pool(self, op: Pool) -> WindowPoolConfig:
        window = self.end.window
        if window is None or window.taps != op.taps:
            raise ValueError(f"Layer {op.name} must read a window of {op.taps} taps")
        mode = "max" if op.mode == "max" else "sum"
        return WindowPoolConfig(window.channels, op.taps, self.values, window.count, mode)

    def _append(self, name: str, part: PartConfig, layer: str) -> None:
        self.append(name, part)
        self.layers[name] = layer

    def _add_engine(self, name: str, op: MatMul, folding: Folding, proven: IntegerRange) -> None:
        accumulator = None if self.reloadable else proven
        config = folding.engine_config(op, self.values, accumulator)
        self.regroup(f"{name}_gearbox", config.block_inputs)
        weights = op.weights if self.contents else None
        if self.end.window is not None:
            self.orders[name] = column_order(self.end.window)
            weights = None if weights is None else weights[:, self.orders[name]]
        if isinstance(config, UnrolledMatmulConfig):
            self._append(name, self._fixed(op, config, weights), op.name)
            return
        buffer = weight_buffer(f"{name}_weights", config, weights, self.device, self.reloadable)
        self.append(name, config, buffer)
        self.layers[name] = op.name

    def _fixed(
        self, op: MatMul, config: UnrolledMatmulConfig, weights: np.ndarray | None
    ) -> UnrolledMatmulConfig:
        """An engine that has its weights in logic, with its columns in order."""
        if self.reloadable:
            raise ValueError(
                f"Folding of {op.name} must not be unrolled where weights can be loaded: "
                "they are wires there"
            )
        return config if weights is None else replace(config, weights=weights)

    def _add_groups(self, name: str, op: GroupMatMul, kind: TensorType) -> None:
        window = self.end.window
        if window is None or window.taps != op.taps:
            raise ValueError(f"Layer {op.name} must read a window of {op.taps} taps")
        beat_groups, rest = divmod(window.count, op.inside)
        if rest or op.groups % beat_groups:
            raise ValueError(f"Layer {op.name} must read a window that no other layer reads")
        grouping = choose_grouping(op, 0, kind.vectors, self.pace, beat_groups)
        accumulator = None if self.reloadable else kind.range
        config = GroupMatmulConfig(
            window.channels,
            len(op.weights),
            op.groups,
            op.taps,
            self.values,
            op.alphabet,
            op.planes,
            beat_groups,
            grouping.queries,
            accumulator,
        )
        weights = op.weights if self.contents else None
        buffer = weight_buffer(f"{name}_weights", config, weights, self.device, self.reloadable)
        self.append(name, config, buffer)
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

    def _enlarge(self, name: str, op: Upsample | PixelShuffle, graph: Graph) -> EnlargeConfig:
        """With the fewest channels a beat that keep the pace, coming in and going out."""
        rows, columns, channels = graph.types[op.inputs[0]].shape
        result = graph.types[op.name]
        most = max(rows * columns * channels, result.size)
        counts = divisors(result.channels)
        count = next((count for count in counts if most // count <= self.pace), counts[-1])
        self.regroup(f"{name}_gearbox", count)
        kind = "repeat" if isinstance(op, Upsample) else "shuffle"
        config = EnlargeConfig(
            rows, columns, channels, op.down, op.across, self.values, count, kind, name
        )
        memory = config.memory
        style = size_for(self.device, memory.depth, memory.width, loaded=True).style
        return replace(config, style="distributed" if style == "distributed" else "block")

    def _table(self, name: str, op: Table) -> LookupConfig:
        if self.reloadable:
            raise ValueError(f"Layer {op.name} must be no table where weights are reloaded")
        # Zeros that pad a beat are no values: what stands for them does not matter.
        places = np.arange(self.values.low, self.values.high + 1) - op.low
        table = op.table[:, np.clip(places, 0, op.table.shape[1] - 1)]
        config = LookupConfig(self.elements, self.count, self.values, table, name)
        memory = config.memory(0)
        style = size_for(self.device, memory.depth, memory.width, loaded=False).style
        return replace(config, style="distributed" if style == "distributed" else "block")

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
