"""Other weights for a design that is already built: the rows to write over AXI4-Lite.

A reloadable design keeps its shape (layers, foldings, number formats) and takes new contents:
weights of the same alphabets, and thresholds or requantisation parameters that go with them. Rows
come from the same packers that filled the memories when the design was built, through the same
mapping, so there is one telling of every layout. Rows are numbered as the registers select them
(`AcceleratorConfig.memories`).
"""

from __future__ import annotations

from typing import Any

from sterna_hw.base import find_device

from .building import prepare
from .design import Design
from .folding import read_foldings
from .ir import Add, Concat, Graph, GroupMatMul, MatMul, Requantize, Threshold, TopK
from .mapping import MappedDesign, map_graph

__all__ = ["reload_rows"]


def reload_rows(design: Design, graph: Graph) -> dict[int, tuple[int, ...]]:
    """Rows of every memory of a reloadable design for another network of the same shape.

    The graph is taken as `sterna.load` gives it; a label stage is added if the design has one.

    Raises
    ------
    ValueError
        If the design is not reloadable, the network has another shape, or a parameter is outside
        what the design was built to hold; the message names the layer.
    """
    if not design.record["reloadable"]:
        raise ValueError(f"Design {design.name} must be built reloadable to take other weights")
    built = design.graph
    label = next((op.k for op in built.ops if isinstance(op, TopK)), None)
    wanted = prepare(graph, label)
    _check_shape(built, wanted)
    device = find_device(design.target)
    foldings = read_foldings(design.directory / "folding.json")
    old = map_graph(built, device, foldings, reloadable=True)
    new = map_graph(wanted, device, foldings, reloadable=True)
    return {
        memory.number: _rows(old, new, memory.stage, memory.kind)
        for memory in old.accelerator.memories()
    }


_FIXED = (
    "alphabet", "planes", "groups", "taps", "low", "step", "shift", "rounding", "k", "factors"
)  # fmt: skip
"""Fields that reloading cannot change."""


def _check_shape(built: Graph, wanted: Graph) -> None:
    """Same operations, shapes and formats; only weights and parameters may differ."""
    kinds = [[op.kind for op in graph.ops] for graph in (built, wanted)]
    if kinds[0] != kinds[1]:
        raise ValueError(f"Layers of the network must be {kinds[0]}, not {kinds[1]}")
    if _wiring(built) != _wiring(wanted):
        raise ValueError(f"Layers of {wanted.name} must read each other as in {built.name}")
    for old, new in zip(built.ops, wanted.ops):
        before, after = built.types[old.name], wanted.types[new.name]
        free = isinstance(old, (MatMul, GroupMatMul, Requantize, TopK, Add, Concat))
        if before.shape != after.shape or (before.range != after.range and not free):
            raise ValueError(f"Values of {new.name} must be {before}, not {after}")
        for field in _FIXED:
            if getattr(old, field, None) != getattr(new, field, None):
                raise ValueError(
                    f"{field.capitalize()} of {new.name} must be {getattr(old, field)}, "
                    f"not {getattr(new, field)}"
                )


def _wiring(graph: Graph) -> list[tuple[int, ...]]:
    """What each operation reads, by number."""
    numbers = {op.name: number for number, op in enumerate(graph.ops)}
    return [tuple(numbers[name] for name in op.inputs) for op in graph.ops]


def _rows(old: MappedDesign, new: MappedDesign, stage: str, kind: str) -> tuple[int, ...]:
    position = next(n for n, item in enumerate(old.accelerator.stages) if item.name == stage)
    before, after = old.accelerator.stages[position], new.accelerator.stages[position]
    op = new.graph[new.layers[after.name]]
    part: Any = before.part
    if kind == "weights":
        buffer: Any = before.weights
        engine: Any = before.part
        assert isinstance(op, MatMul | GroupMatMul)
        order = old.orders.get(before.name, slice(None))
        return buffer.pack(engine.pack(op.weights[:, order]))
    try:
        if isinstance(op, Threshold):
            return part.pack(op.thresholds, op.descending.astype(bool))
        assert isinstance(op, Requantize)
        return part.pack(op.multiplier, op.offset)
    except ValueError as error:
        raise ValueError(f"Parameters of {op.name} must fit the design: {error}") from error
