"""From a graph and its foldings to the accelerator's stages.

Each matmul becomes an engine with its weight buffer, each threshold or requantise the part of that
name at the engine's width, a gearbox stands wherever two neighbours move different numbers of
elements a beat, a top-k at the end if there is one. A value that several operations read is forked,
and where branches meet each may have a queue. Nothing is decided here but names, widths and order:
foldings come from the planner or the user, depths of queues from `sterna.queues`.

Widths follow from the graph's proven ranges. A fixed design uses the actual weights; a reloadable
one must hold any weights that its alphabet can write, so its accumulators take the alphabet's
range. `check_ranges` is the gate: it compares what every part was built for with what the graph
proves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.axi_stream import AxiStreamOutputConfig
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import Device
from sterna_hw.stage import PartConfig, port_shape

from .folding import Folding, LayerFolding
from .grouping import GroupFolding, Grouping
from .ir import Add, Concat, Graph, GroupMatMul, Input, MatMul, Op, Window
from .stage_builder import StageBuilder, branch_place, edge_count
from .stream_builder import StreamEnd, identifier
from .weight_image import image_hash

__all__ = ["MappedDesign", "check_ranges", "map_graph", "parts_behind", "queue_places"]


@dataclass(frozen=True)
class MappedDesign:
    """An accelerator and which operation of the graph each stage carries out.

    ``layers`` maps a stage's instance name to the operation's name; gearboxes are not in it, nor
    are windows, whose elements come in another order. ``orders`` has that order for each engine
    behind one: the columns of its weights. ``queues`` maps the instance name of a queue to its
    place (`queue_places`).
    """

    accelerator: AcceleratorConfig
    layers: Mapping[str, str]
    graph: Graph
    reloadable: bool
    orders: Mapping[str, np.ndarray] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)


def queue_places(graph: Graph) -> list[str]:
    """Where queues may be, in the order of the graph: in front of each matmul but the first, by
    its name, and of each branch where branches meet, ``name[branch]``."""
    places: list[str] = []
    matmuls = 0
    for op in graph.ops:
        if isinstance(op, Add | Concat):
            places += [branch_place(op.name, branch) for branch in range(len(op.inputs))]
        elif isinstance(op, MatMul):
            matmuls += 1
            places += [op.name] if matmuls > 1 else []
    return places


def map_graph(
    graph: Graph,
    device: Device,
    foldings: Mapping[str, LayerFolding],
    *,
    reloadable: bool = False,
    build_hash: int = 0,
    contents: bool = True,
    queues: Mapping[str, int] | None = None,
) -> MappedDesign:
    """The accelerator for a graph of operations.

    Without ``contents`` weight buffers stay empty: enough for costs and cycles, not for Verilog
    or memory images.
    ``queues`` gives the rows of queues by their places (`queue_places`); none by default.

    Raises
    ------
    ValueError
        If an operation is not supported, a value is not used, a folding is missing or names no
        layer, or goes beyond its layer's size.
    """
    _check_values(graph)
    given, foldings, groupings = foldings, *_by_kind(graph, foldings)
    layers = {op.name for op in graph.ops if isinstance(op, MatMul)}
    grouped = {op.name for op in graph.ops if isinstance(op, GroupMatMul)}
    for name in sorted(layers - set(foldings)):
        rule = "be of an engine of matrices, not group" if name in given else "be given"
        raise ValueError(f"Folding of {name} must {rule}")
    for name in sorted(set(given) - layers - set(groupings)):
        rule = f"be for one of {sorted(layers | grouped)}"
        if name in grouped:
            rule = f"be of the engine group, not {given[name].engine}"
        raise ValueError(f"Folding of {name} must {rule}")
    entry = graph.types[graph.input_name]
    count = edge_count(entry.range)
    builder = StageBuilder(device, reloadable, contents, count, entry.range, entry.size)
    builder.reserve(identifier(graph.name))
    builder.groupings = groupings
    builder.pace = max(
        (_interval(graph, graph[name], foldings[name]) for name in sorted(layers)),
        default=max(graph.types[op.name].vectors for op in graph.ops),
    )
    builder.reframe("pixels", entry.channels)
    depths = queues or {}
    ends: dict[str, list[StreamEnd]] = {}
    for op in graph.ops:
        if isinstance(op, Add | Concat):
            rows = [depths.get(branch_place(op.name, n), 0) for n in range(len(op.inputs))]
            builder.add_join(graph, op, [ends[name].pop(0) for name in op.inputs], rows)
        elif not isinstance(op, Input):
            builder.end = ends[op.inputs[0]].pop(0)
            _add(builder, graph, op, foldings, depths)
        ends[op.name] = builder.fork(op.name, graph.reader_count(op.name))
    (builder.end,) = ends[graph.output_name]
    result = graph.types[graph.output_name]
    builder.reframe("image", result.size)
    values = builder.end.values
    out_count = min(edge_count(values), result.size)
    builder.regroup("output_edge_gearbox", out_count)
    builder.finish()
    accelerator = AcceleratorConfig(
        name=identifier(graph.name),
        input_edge=AxiStreamInputConfig(entry.size, entry.range, edge_count(entry.range)),
        stages=tuple(builder.stages),
        output_edge=AxiStreamOutputConfig(result.size, values, out_count),
        build_hash=build_hash,
        links=tuple(builder.links),
    )
    if contents and accelerator.streams:
        accelerator = replace(accelerator, image_hash=image_hash(accelerator))
    mapped = MappedDesign(
        accelerator, builder.layers, graph, reloadable, builder.orders, builder.queues
    )
    check_ranges(mapped)
    return mapped


def _by_kind(
    graph: Graph, foldings: Mapping[str, LayerFolding]
) -> tuple[dict[str, Folding], dict[str, Grouping]]:
    """Foldings of matrices, and what those of grouped layers ask for."""
    grouped = {op.name: op for op in graph.ops if isinstance(op, GroupMatMul)}
    matrices: dict[str, Folding] = {}
    groupings: dict[str, Grouping] = {}
    for name, folding in foldings.items():
        if not isinstance(folding, GroupFolding):
            matrices[name] = folding
        elif name in grouped:
            groupings[name] = folding.grouping(grouped[name])
    return matrices, groupings


def _add(
    builder: StageBuilder,
    graph: Graph,
    op: Op,
    foldings: Mapping[str, Folding],
    depths: Mapping[str, int],
) -> None:
    """Adds an operation with one input where the builder stands."""
    following = next(iter(graph.users(op.name)), None)
    # A window belongs to the layer behind it, which has its folding and its queue.
    owner = following if isinstance(op, Window) and isinstance(following, MatMul) else op
    rows = depths.get(owner.name, 0)
    if owner is op and isinstance(graph[op.inputs[0]], Window):
        rows = 0
    builder.add(graph, op, foldings.get(owner.name), rows, following, owner.name)


def _interval(graph: Graph, layer: Op, folding: Folding) -> int:
    """Cycles that a layer's engine is busy with a frame."""
    assert isinstance(layer, MatMul)
    engine = folding.engine_config(layer, graph.types[layer.inputs[0]].range, None)
    return engine.timing().busy_cycles * graph.types[layer.name].vectors


def _check_values(graph: Graph) -> None:
    """One input, one output, and nothing in between that nobody reads."""
    if not isinstance(graph.ops[0], Input) or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ValueError(
            f"Network {graph.name} must have one input and one output, not {len(graph.inputs)} "
            f"and {len(graph.outputs)}"
        )
    for op in graph.ops:
        if not graph.reader_count(op.name):
            raise ValueError(f"Result of {op.name} must be read by a layer or leave the network")


def parts_behind(
    graph: Graph, layer: str, engine: PartConfig, device: Device, *, reloadable: bool = False
) -> list[PartConfig]:
    """What carries out the operations between a layer on a given engine and the next layer, or
    the next place where branches part or meet."""
    given = port_shape(engine, "o")
    builder = StageBuilder(device, reloadable, False, given.count, given.values, given.elements)
    while graph.reader_count(layer) == 1 and (users := graph.users(layer)):
        (op,) = users
        following = graph.users(op.name)
        engines = MatMul | GroupMatMul
        window = isinstance(op, Window) and any(isinstance(user, engines) for user in following)
        if window or isinstance(op, engines | Add | Concat):
            break
        builder.add(graph, op)
        layer = op.name
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
        sides = [("inputs", port, value) for port, value in zip(stage.inputs, op.inputs)]
        for side, port, value in [*sides, ("results", "o", op.name)]:
            holds, proven = port_shape(stage.part, port).values, graph.types[value].range
            if not holds.contains(proven):
                raise ValueError(
                    f"Range of the {side} of {stage.name} must hold {proven}, not {holds}"
                )
