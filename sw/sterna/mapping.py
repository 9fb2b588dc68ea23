"""From a graph and its foldings to the accelerator's stages.

A chain of operations becomes a chain of parts: each matmul an engine with its weight buffer, each
threshold or requantise the part of that name at the engine's width, a gearbox wherever two
neighbours move different numbers of elements a beat, a top-k at the end if there is one. Nothing is
decided here but names, widths and order: foldings come from the planner or the user.

Widths follow from the graph's proven ranges. A fixed design uses the actual weights; a reloadable
one must hold any weights that its alphabet can write, so its accumulators take the alphabet's
range. `check_ranges` is the gate: it compares what every part was built for with what the graph
proves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.axi_stream import AxiStreamOutputConfig, element_bytes
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import Device, IntegerRange
from sterna_hw.beat import beat_layout
from sterna_hw.frame_queue import FrameQueueConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.memory_sizing import size_for
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.requantize import RequantizeConfig
from sterna_hw.stage import PartConfig, Stage, port_shape
from sterna_hw.top_k import TopKConfig

from .folding import Folding
from .ir import Graph, Input, MatMul, Op, Requantize, Threshold, TopK
from .weights import weight_buffer

__all__ = [
    "MappedDesign",
    "check_ranges",
    "edge_count",
    "identifier",
    "map_graph",
    "parts_behind",
    "regrouping",
]

AXI_BYTES = 8
"""Bytes of an AXI4-Stream beat at the edges: 64 bits, or one element if that is wider."""


@dataclass(frozen=True)
class MappedDesign:
    """An accelerator and which operation of the graph each stage carries out.

    ``layers`` maps a stage's instance name to the operation's name; gearboxes are not in it.
    """

    accelerator: AcceleratorConfig
    layers: Mapping[str, str]
    graph: Graph
    reloadable: bool


def identifier(name: str) -> str:
    """A layer's name as an instance name."""
    return re.sub(r"\W", "_", name)


def map_graph(
    graph: Graph,
    device: Device,
    foldings: Mapping[str, Folding],
    *,
    reloadable: bool = False,
    build_hash: int = 0,
    contents: bool = True,
    queues: Mapping[str, int] | None = None,
) -> MappedDesign:
    """The accelerator for a chain of operations.

    Without ``contents`` weight buffers stay empty: enough for costs and cycles, not for Verilog.
    ``queues`` gives the rows of the queue in front of a layer, by its name; none by default.

    Raises
    ------
    ValueError
        If the graph is not a chain of supported operations, a folding is missing or names no layer,
        or goes beyond its layer's size.
    """
    chain = _chain_of(graph)
    layers = {op.name for op in chain if isinstance(op, MatMul)}
    for name in sorted(set(foldings) ^ layers):
        rule = "be given" if name in layers else f"be for one of {sorted(layers)}"
        raise ValueError(f"Folding of {name} must {rule}")
    entry = graph.types[graph.input_name]
    count = edge_count(entry.range)
    builder = _Builder(device, reloadable, contents, count, entry.range, entry.size)
    for op in chain[1:]:
        builder.add(graph, op, foldings.get(op.name), (queues or {}).get(op.name, 0))
    result = graph.types[graph.output_name]
    out_count = min(edge_count(builder.values), result.size)
    builder.regroup("output_edge_gearbox", out_count)
    accelerator = AcceleratorConfig(
        name=identifier(graph.name),
        input_edge=AxiStreamInputConfig(entry.size, entry.range, edge_count(entry.range)),
        stages=tuple(builder.stages),
        output_edge=AxiStreamOutputConfig(result.size, builder.values, out_count),
        build_hash=build_hash,
    )
    mapped = MappedDesign(accelerator, builder.layers, graph, reloadable)
    check_ranges(mapped)
    return mapped


def _chain_of(graph: Graph) -> list[Op]:
    """The operations in order, each reading the one before."""
    for op, following in zip(graph.ops, graph.ops[1:]):
        if following.inputs != (op.name,):
            raise ValueError(
                f"Layer {following.name} must read the layer before it ({op.name}): "
                f"the accelerator is one chain"
            )
    if not isinstance(graph.ops[0], Input) or graph.output_name != graph.ops[-1].name:
        raise ValueError("Output of the graph must be its last operation")
    return list(graph.ops)


def edge_count(values: IntegerRange) -> int:
    """Elements of an AXI4-Stream beat."""
    return max(1, AXI_BYTES // element_bytes(values))


def regrouping(
    elements: int, values: IntegerRange, count: int, next_count: int
) -> GearboxConfig | None:
    """The gearbox between parts that give ``count`` and take ``next_count`` elements a beat; none
    where they agree."""
    return None if count == next_count else GearboxConfig(elements, values, count, next_count)


def parts_behind(
    graph: Graph, layer: str, engine: PartConfig, device: Device, *, reloadable: bool = False
) -> list[PartConfig]:
    """What carries out the operations between a layer on a given engine and the next layer."""
    chain = _chain_of(graph)
    given = port_shape(engine, "o")
    builder = _Builder(device, reloadable, False, given.count, given.values, given.elements)
    behind = chain[[op.name for op in chain].index(layer) + 1 :]
    for op in behind:
        if isinstance(op, MatMul):
            break
        builder.add(graph, op, None, 0)
    return [stage.part for stage in builder.stages]


class _Builder:
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
        self._taken = {"input_edge", "output_edge", "output_edge_gearbox", "control", "top"}

    def _free_name(self, layer: str) -> str:
        """An instance name for a layer that is not taken by another or by the top's own parts."""
        name, number = identifier(layer), 1
        while name in self._taken:
            number += 1
            name = f"{identifier(layer)}_{number}"
        self._taken |= {name, f"{name}_weights", f"{name}_gearbox", f"{name}_queue"}
        return name

    def add(self, graph: Graph, op: Op, folding: Folding | None, queue_rows: int) -> None:
        name = self._free_name(op.name)
        if queue_rows:
            self._add_queue(f"{name}_queue", queue_rows)
        match op:
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
        given = port_shape(self.stages[-1].part, "o")
        self.values, self.elements, self.count = given.values, given.elements, given.count

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

    def _append(self, name: str, part: PartConfig, layer: str) -> None:
        self.stages.append(Stage(name, part))
        self.layers[name] = layer

    def _add_engine(self, name: str, op: MatMul, folding: Folding, proven: IntegerRange) -> None:
        accumulator = None if self.reloadable else proven
        config = folding.engine_config(op, self.values, accumulator)
        self.regroup(f"{name}_gearbox", config.block_inputs)
        weights = op.weights if self.contents else None
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


def check_ranges(mapped: MappedDesign) -> None:
    """The gate: no stage may be built for less than what the graph proves.

    Raises
    ------
    ValueError
        Naming the stage, the side, the range it holds and the range it must hold.
    """
    graph = mapped.graph
    for stage in mapped.accelerator.stages:
        if stage.name not in mapped.layers:
            continue
        op = graph[mapped.layers[stage.name]]
        sides = (("inputs", "i", op.inputs[0]), ("results", "o", op.name))
        for side, port, value in sides:
            holds, proven = port_shape(stage.part, port).values, graph.types[value].range
            if not holds.contains(proven):
                raise ValueError(
                    f"Range of the {side} of {stage.name} must hold {proven}, not {holds}"
                )
