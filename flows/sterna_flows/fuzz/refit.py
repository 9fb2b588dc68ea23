"""Makes operations fit each other again after some were taken out or made smaller.

Each operation is given the types of its inputs as they are now and is cut, or repeated, to their
size: columns of a matmul, rows of thresholds, the image under a window. What cannot be made to fit
is refused, and the attempt that led to it is given up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sterna.folding import Folding, MacFolding, SelectFolding, TableFolding
from sterna.ir import (
    Graph,
    GroupMatMul,
    MatMul,
    Op,
    OutputEdge,
    Pool,
    Requantize,
    Reshape,
    Table,
    TensorType,
    Threshold,
    TopK,
    Window,
)

__all__ = ["refit_folding", "refit_graph"]


def refit_graph(graph: Graph, ops: Sequence[Op], aliases: Mapping[str, str]) -> Graph:
    """The graph with other operations, each made to fit; ``aliases`` names what stands in for an
    operation that was taken out. What then leads nowhere is left out too.

    Raises
    ------
    ValueError
        If one cannot be made to fit.
    """
    fitted: dict[str, Op] = {}
    types: dict[str, TensorType] = {}
    for op in ops:
        sources = tuple(_resolve(name, aliases) for name in op.inputs)
        op = replace(op, inputs=sources)
        op = _refit(op, [types[name] for name in sources], [fitted[name] for name in sources])
        fitted[op.name] = op
        types[op.name] = op.result_type(tuple(types[name] for name in sources))
    tip = next(reversed(fitted))
    needed = {tip, *graph.inputs}
    for op in reversed(fitted.values()):
        if op.name in needed:
            needed |= set(op.inputs)
    kept = tuple(op for op in fitted.values() if op.name in needed)
    return graph.with_ops(kept, {tip: OutputEdge(1.0)})


def _resolve(name: str, aliases: Mapping[str, str]) -> str:
    while name in aliases:
        name = aliases[name]
    return name


def _take(array: np.ndarray, count: int, axis: int = 0) -> np.ndarray:
    """So many along an axis: the first ones, or all of them over and over."""
    return np.take(array, np.arange(count) % array.shape[axis], axis)


def _refit(op: Op, types: Sequence[TensorType], sources: Sequence[Op]) -> Op:
    if not types:
        return op
    x = types[0]
    match op:
        case MatMul():
            return replace(op, weights=_take(op.weights, x.channels, 1))
        case GroupMatMul():
            return _refit_groups(op, x, sources[0])
        case Table():
            table = _take(op.table, x.range.high - x.range.low + 1, 1)
            rows = min(len(table), x.channels)
            rows = rows if rows == x.channels else 1
            return replace(op, table=table[:rows], low=x.range.low)
        case Threshold():
            thresholds = _take(op.thresholds, x.channels)
            return replace(op, thresholds=thresholds, descending=_take(op.descending, x.channels))
        case Requantize():
            multiplier, offset = (_take(row, x.channels) for row in (op.multiplier, op.offset))
            return replace(op, multiplier=multiplier, offset=offset)
        case Window():
            if len(x.shape) != 3:
                raise ValueError(f"Input of {op.name} must be an image, not {x}")
            rows, columns = (replace(a, size=n) for a, n in zip((op.rows, op.columns), x.shape))
            return replace(op, rows=rows, columns=columns)
        case Pool():
            (window,) = sources
            if not isinstance(window, Window):
                raise ValueError(f"Input of {op.name} must be a window, not {window.kind}")
            return replace(op, taps=window.taps)
        case Reshape() if len(op.shape) == 1:
            return replace(op, shape=(x.size,))
        case TopK():
            return replace(op, k=min(op.k, x.size))
    return op


def _refit_groups(op: GroupMatMul, x: TensorType, window: Op) -> GroupMatMul:
    if not isinstance(window, Window):
        raise ValueError(f"Input of {op.name} must be a window, not {window.kind}")
    channels = x.channels // window.taps
    groups = channels if op.inside == 1 else op.groups
    if channels % groups:
        raise ValueError(f"Groups of {op.name} must divide {channels} channels, not be {groups}")
    each = len(op.weights) // op.groups
    weights = _take(_take(op.weights, groups * each), window.taps * (channels // groups), 1)
    return replace(op, weights=weights, groups=groups, taps=window.taps)


def refit_folding(layer: MatMul, folding: Folding) -> Folding:
    """The folding, no larger than its layer."""
    outputs, inputs = layer.weights.shape
    match folding:
        case SelectFolding() | MacFolding():
            block, queries = min(folding.block_inputs, inputs), min(folding.queries, outputs)
            return replace(folding, block_inputs=block, queries=queries)
        case TableFolding():
            group, queries = min(folding.group, inputs), min(folding.queries, outputs)
            tables = min(folding.tables, -(-inputs // group))
            return replace(folding, group=group, tables=tables, queries=queries)
    return folding
