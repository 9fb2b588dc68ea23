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

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.axi_stream import AxiStreamOutputConfig
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import Device
from sterna_hw.stage import PartConfig, port_shape

from .folding import Folding
from .ir import Graph, Input, MatMul, Op, Window
from .stage_builder import StageBuilder, edge_count, identifier

__all__ = [
    "MappedDesign",
    "check_ranges",
    "map_graph",
    "parts_behind",
]


@dataclass(frozen=True)
class MappedDesign:
    """An accelerator and which operation of the graph each stage carries out.

    ``layers`` maps a stage's instance name to the operation's name; gearboxes are not in it, nor
    are windows, whose elements come in another order. ``orders`` has that order for each engine
    behind one: the columns of its weights.
    """

    accelerator: AcceleratorConfig
    layers: Mapping[str, str]
    graph: Graph
    reloadable: bool
    orders: Mapping[str, np.ndarray] = field(default_factory=dict)


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
    builder = StageBuilder(device, reloadable, contents, count, entry.range, entry.size)
    builder.reserve(identifier(graph.name))
    builder.pace = max(
        (_interval(graph, op, foldings[op.name]) for op in chain if op.name in layers), default=0
    )
    builder.reframe("pixels", entry.channels)
    for op, following in zip(chain[1:], [*chain[2:], None]):
        # A window belongs to the layer behind it, which has its folding and its queue.
        owner = following if isinstance(op, Window) and isinstance(following, MatMul) else op
        rows = (queues or {}).get(owner.name, 0)
        if owner is op and isinstance(graph[op.inputs[0]], Window):
            rows = 0
        builder.add(graph, op, foldings.get(owner.name), rows, following)
    result = graph.types[graph.output_name]
    builder.reframe("image", result.size)
    out_count = min(edge_count(builder.values), result.size)
    builder.regroup("output_edge_gearbox", out_count)
    accelerator = AcceleratorConfig(
        name=identifier(graph.name),
        input_edge=AxiStreamInputConfig(entry.size, entry.range, edge_count(entry.range)),
        stages=tuple(builder.stages),
        output_edge=AxiStreamOutputConfig(result.size, builder.values, out_count),
        build_hash=build_hash,
    )
    mapped = MappedDesign(accelerator, builder.layers, graph, reloadable, builder.orders)
    check_ranges(mapped)
    return mapped


def _interval(graph: Graph, layer: Op, folding: Folding) -> int:
    """Cycles that a layer's engine is busy with a frame."""
    assert isinstance(layer, MatMul)
    engine = folding.engine_config(layer, graph.types[layer.inputs[0]].range, None)
    return engine.timing().busy_cycles * graph.types[layer.name].vectors


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


def parts_behind(
    graph: Graph, layer: str, engine: PartConfig, device: Device, *, reloadable: bool = False
) -> list[PartConfig]:
    """What carries out the operations between a layer on a given engine and the next layer."""
    chain = _chain_of(graph)
    given = port_shape(engine, "o")
    builder = StageBuilder(device, reloadable, False, given.count, given.values, given.elements)
    behind = chain[[op.name for op in chain].index(layer) + 1 :]
    for op, following in zip(behind, [*behind[1:], None]):
        if isinstance(op, MatMul) or isinstance(following, MatMul) and isinstance(op, Window):
            break
        builder.add(graph, op)
    return [stage.part for stage in builder.stages]


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
