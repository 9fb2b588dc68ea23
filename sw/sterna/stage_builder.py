"""Grows an accelerator operation by operation: which part carries out which operation.

What makes streams fit in between, and where the builder stands, is `sterna.stream_builder`. What
windows are like is told in `sterna.window_stages`, operations on single values in
`sterna.value_stages`; here are engines with their weights, and what is left.

An image is one frame at the edges and a vector of channels for each pixel inside. The columns of an
engine's weights behind a window are brought into the order in which its elements come, here and
whenever weights are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sterna_hw.add_streams import AddStreamsConfig
from sterna_hw.axi_stream import element_bytes
from sterna_hw.base import Device, IntegerRange
from sterna_hw.concat_streams import ConcatStreamsConfig
from sterna_hw.enlarge import EnlargeConfig
from sterna_hw.global_pool import GlobalPoolConfig
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.memory_sizing import size_for
from sterna_hw.stage import PartConfig
from sterna_hw.top_k import TopKConfig
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig
from sterna_hw.weight_buffer import WeightBufferConfig
from sterna_hw.weight_stream import REGION_ALIGNMENT, WeightStreamConfig

from .folding import Folding
from .grouping import Grouping, choose_grouping
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
from .value_stages import requantize_part, table_part, threshold_part
from .weights import FetchingConfig, weight_buffer, weight_stream
from .window_stages import column_order, pool_part, window_count, window_part

__all__ = ["StageBuilder", "branch_place", "edge_count"]

AXI_BYTES = 8
"""Bytes of an AXI4-Stream beat at the edges: 64 bits, or one element if that is wider."""


def edge_count(values: IntegerRange) -> int:
    """Elements of an AXI4-Stream beat."""
    return max(1, AXI_BYTES // element_bytes(values))


def branch_place(join: str, branch: int) -> str:
    """How the queue of a branch in front of an add or a concat is called (`queues.json`)."""
    return f"{join}[{branch}]"


def _join_count(op: Op, ends: Sequence[StreamEnd], vectors: int, pace: int) -> int:
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
    keeping = (n for n in counts if vectors * -(-total // n) <= pace)
    return next(keeping, counts[-1])


class StageBuilder(StreamBuilder):
    """Adds operations. ``layers`` maps a stage to the operation that it carries out, ``orders``
    an engine behind a window to the order of its columns; ``groupings`` are those of grouped
    layers that were asked for; ``image_end`` is where in the image the weights of the next layer
    lie that has its own in external memory."""

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
        self.groupings: Mapping[str, Grouping] = {}
        self.image_end = REGION_ALIGNMENT

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
                self._add_window(name, op, graph, folding, following)
            case Pool():
                self._append(name, pool_part(end, op), op.name)
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
                self._append(name, threshold_part(end, name, op, self.reloadable), op.name)
            case Requantize():
                self._append(name, requantize_part(end, name, op, self.reloadable), op.name)
            case Upsample() | PixelShuffle():
                self._append(name, self._enlarge(name, op, graph), op.name)
            case Table():
                part = table_part(end, name, op, self.device, self.reloadable)
                self._append(name, part, op.name)
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
        count = _join_count(op, ends, graph.types[op.name].vectors, self.pace)
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

    def _add_window(
        self, name: str, op: Window, graph: Graph, folding: Folding | None, following: Op | None
    ) -> None:
        grouping = self.groupings.get(following.name) if following is not None else None
        count = window_count(self.end, graph, op, folding, following, self.pace, grouping)
        self.regroup(f"{name}_gearbox", count)
        config = window_part(self.end, name, op, count, self.device)
        self.append(name, config, window=config)

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
        if folding.external:
            buffer = self._stream(name, op, config, weights)
        else:
            buffer = self._buffer(name, op, config, weights, folding.memory)
        self.append(name, config, buffer)
        self.layers[name] = op.name

    def _buffer(
        self,
        name: str,
        op: MatMul,
        config: FetchingConfig,
        weights: np.ndarray | None,
        memory: str,
    ) -> WeightBufferConfig:
        """Weights on the chip."""
        place = f"{name}_weights"
        try:
            return weight_buffer(place, config, weights, self.device, self.reloadable, memory)
        except ValueError as error:
            raise ValueError(f"Folding of {op.name}: {error}") from error

    def _stream(
        self, name: str, op: MatMul, config: FetchingConfig, weights: np.ndarray | None
    ) -> WeightStreamConfig:
        """Weights in external memory, behind those of the layers before."""
        if self.reloadable:
            raise ValueError(
                f"Folding of {op.name} must not be external where weights can be loaded: "
                "they would be in two places"
            )
        stream = weight_stream(f"{name}_weights", config, weights, self.image_end)
        regions = -(-stream.region_bytes // REGION_ALIGNMENT)
        self.image_end += regions * REGION_ALIGNMENT
        return stream

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
        grouping = self.groupings.get(op.name)
        grouping = grouping or choose_grouping(op, 0, kind.vectors, self.pace, beat_groups)
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
