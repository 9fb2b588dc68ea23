"""Lowering: from a float-level source network to the integer graph.

The source is walked once. Each value becomes one of three things: *codes*, an integer value with
one scale; a *tail*, an integer value followed by float operations that are only collected; or the
network's real *input*, likewise. A linear layer takes codes and becomes a matmul, whose result
begins a tail. A quantiser ends a tail: it becomes thresholds. A tail that reaches the output
becomes wide logits. Where branches meet, a value waits until it is known what follows.

What cannot be exact is refused, all layers together, unless ``approximate`` accepts it; then the
measured agreement stands in the layer's note. Nothing here imitates float arithmetic: see `tail`.
"""

from __future__ import annotations

from ... import ir
from ...source import (
    AddBranches,
    ConcatBranches,
    Elementwise,
    Enlarge,
    Linear,
    Opaque,
    Quantiser,
    Reshape,
    SourceGraph,
    SourceNode,
    Transpose,
    Windows,
)
from ...unsupported import UnsupportedError
from .branches import Branches
from .edges import integer_codes, lower_output, quantise_input
from .enlarging import lower_enlarge
from .input_edge import RealInput
from .layers import lower_linear, lower_windows
from .notes import Lowering
from .shapes import lower_reshape, lower_transpose
from .state import LoweringState
from .tails import extend_tail, quantise_tail
from .values import Joined, Lost, Sum, Value

__all__ = ["lower"]


def lower(source: SourceGraph, approximate: bool = False) -> Lowering:
    """The integer graph of a source network.

    Parameters
    ----------
    source : :class:`SourceGraph`
        Network with one input and one output.
    approximate : :class:`bool`
        Accept dyadic requantisation that differs from the network somewhere, and say how much.

    Raises
    ------
    UnsupportedError
        If anything in the network cannot be represented; it lists every problem, the reader's too.
    """
    state = LoweringState(source, approximate)
    branches = Branches(state)
    for node in source.needed():
        state.values[node.name] = _visit(state, branches, node)
    (name,) = source.outputs
    value = state.values[name]
    if isinstance(value, Sum | Joined):
        value = branches.output(name, value)
    lower_output(state, name, value)
    if state.problems:
        order = {node.name: index for index, node in enumerate(source.nodes)}
        raise UnsupportedError(sorted(state.problems, key=lambda p: order.get(p.layer, -1)))
    shape = next(iter(source.inputs.values()))
    return Lowering(
        ir.Graph(
            source.name,
            tuple(state.ops),
            state.inputs,
            state.outputs,
            shape,
            tuple(state.notes),
        )
    )


def _visit(state: LoweringState, branches: Branches, node: SourceNode) -> Value:
    """What a node's result is."""
    value = state.values[node.inputs[0]] if node.inputs else Lost.ANYTHING
    operation = node.operation
    if isinstance(value, RealInput) and not isinstance(operation, Opaque | Transpose):
        if not isinstance(operation, Reshape) or value.axes:
            value = integer_codes(state, value)
    if isinstance(value, Sum | Joined) and not isinstance(
        operation, Quantiser | Elementwise | AddBranches | ConcatBranches
    ):
        value = branches.codes(node.name, value)
    if isinstance(operation, Linear | Windows):
        value = state.plain_codes(value)
    if isinstance(operation, Opaque):
        return Lost.ANYTHING  # refused by the reader
    if isinstance(operation, AddBranches | ConcatBranches):
        return branches.join(node, operation)
    if isinstance(operation, Linear):
        return lower_linear(state, node.name, operation, value)
    if isinstance(value, Lost):
        return Lost.ANYTHING if isinstance(operation, Quantiser) else value
    if isinstance(operation, Transpose):
        return lower_transpose(state, node, operation, value)
    if isinstance(operation, Windows):
        return lower_windows(state, node.name, operation, value)
    if isinstance(operation, Reshape):
        return lower_reshape(state, node.name, operation, value)
    if isinstance(operation, Enlarge):
        return lower_enlarge(state, node.name, operation, value)
    if isinstance(operation, Quantiser):
        return _quantise(state, branches, node.name, operation, value)
    if isinstance(operation, Elementwise):
        return _elementwise(state, branches, operation, value)
    return Lost.ANYTHING


def _elementwise(
    state: LoweringState, branches: Branches, operation: Elementwise, value: Value
) -> Value:
    assert not isinstance(value, Lost)
    if isinstance(value, RealInput):
        return value.then(operation)
    if isinstance(value, Sum | Joined):
        return branches.then(operation, value)
    return extend_tail(state, operation, value)


def _quantise(
    state: LoweringState, branches: Branches, name: str, quantiser: Quantiser, value: Value
) -> Value:
    assert not isinstance(value, Lost)
    if isinstance(value, RealInput):
        return quantise_input(state, name, quantiser, value)
    if isinstance(value, Sum | Joined):
        return branches.quantise(name, quantiser, value)
    return quantise_tail(state, name, quantiser, value)
