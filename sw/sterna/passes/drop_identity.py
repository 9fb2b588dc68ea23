"""Drops operations that change nothing in hardware, so that no part is spent on them.

A reshape of the input moves no element in a stream, and a requantise with multiplier 1, offset 0,
shift 0 and no effective clip gives back its input. Both vanish; readers of their result read their
input instead. An output keeps its name only when the operation that makes it stays, so an output's
own operation is dropped too and the output moves to its input (with the same edge).
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import Graph, Input, Op, Requantize, Reshape, TensorType

__all__ = ["drop_identity"]


def drop_identity(graph: Graph) -> Graph:
    """The graph without reshapes of one-axis chains and without identity requantises."""
    renamed: dict[str, str] = {}
    kept: list[Op] = []
    for op in graph.ops:
        op = replace(op, inputs=tuple(renamed.get(name, name) for name in op.inputs))
        if _is_identity(graph, op):
            renamed[op.name] = op.inputs[0]
        else:
            kept.append(op)
    outputs = {renamed.get(name, name): edge for name, edge in graph.outputs.items()}
    return graph.with_ops(_flatten_inputs(graph, kept), outputs)


def _is_identity(graph: Graph, op: Op) -> bool:
    if isinstance(op, Reshape):
        return _reshapes_input(graph, graph[op.name])
    if not isinstance(op, Requantize):
        return False
    same = bool((op.multiplier == 1).all() and (op.offset == 0).all() and op.shift == 0)
    source = graph.types[graph[op.name].inputs[0]]
    return same and (op.clip is None or op.clip.contains(source.range))


def _flatten_inputs(graph: Graph, ops: list[Op]) -> tuple[Op, ...]:
    """Gives an input the shape that its (dropped) reshape had, so that its reader still fits."""
    shaped: list[Op] = []
    for op in ops:
        if isinstance(op, Input):
            for user in graph.users(op.name):
                if isinstance(user, Reshape) and _reshapes_input(graph, user):
                    op = Input(op.name, (), TensorType(user.shape, op.type.range))
        shaped.append(op)
    return tuple(shaped)


def _reshapes_input(graph: Graph, op: Op) -> bool:
    """Whether a reshape is all that reads an input; an edge that brings the axes into another order
    keeps the axes."""
    source = op.inputs[0]
    is_input = isinstance(graph[source], Input) and not graph.inputs[source].axes
    return is_input and graph.reader_count(source) == 1
