"""What a lowering has found so far: the graph's operations, their types, and what was refused.

The files of this folder each lower one kind of operation; all of them take this state, look at the
values that go in, emit operations of the graph and return what comes out. A refusal does not stop
the walk: it is noted, and the value behind it is lost.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ... import ir
from ...source import SourceGraph
from ...unsupported import Problem
from .input_edge import RealInput
from .integer_codes import plain_scale
from .names import Names
from .tail import FloatTail
from .values import Codes, Lost, Tail, Value

__all__ = ["PUT_QUANTISER", "LoweringState"]

PUT_QUANTISER = "put a quantiser (QuantIdentity, QuantReLU, Quant) before it"
"""The remedy where floats come in."""


@dataclass
class LoweringState:
    """One walk's results. ``values`` has what each value of the source is, ``types`` the type of
    each operation's result, ``pixels`` the codes of the network's input where it holds integers."""

    source: SourceGraph
    approximate: bool
    ops: list[ir.Op] = field(default_factory=list)
    inputs: dict[str, ir.InputEdge] = field(default_factory=dict)
    outputs: dict[str, ir.OutputEdge] = field(default_factory=dict)
    notes: list[ir.LayerNote] = field(default_factory=list)
    types: dict[str, ir.TensorType] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    pixels: dict[RealInput, Codes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.problems: list[Problem] = list(self.source.problems)
        for name, shape in self.source.inputs.items():
            self.values[name] = RealInput(name, shape)

    @cached_property
    def readers(self) -> Counter[str]:
        """How many nodes of the source read each value."""
        return Counter(name for node in self.source.needed() for name in node.inputs)

    def refuse(self, layer: str, reason: str, remedy: str) -> Lost:
        self.problems.append(Problem(layer, reason, remedy))
        return Lost.ANYTHING

    def emit(self, op: ir.Op) -> str:
        """Adds an operation to the graph and returns its name."""
        self.types[op.name] = op.result_type(tuple(self.types[name] for name in op.inputs))
        self.ops.append(op)
        return op.name

    def is_alone(self, value: str) -> bool:
        """Whether no value on the way from the network's input has another reader."""
        while value not in self.source.inputs:
            if self.readers[value] > 1:
                return False
            (value,) = self.source[value].inputs
        return self.readers[value] == 1

    def plain_codes(self, value: Value) -> Value:
        """Codes behind which stood nothing but a factor are codes of another scale."""
        if not isinstance(value, Tail) or value.codes is None or value.codes.scale.ndim:
            return value
        if value.larger:
            return value
        factor = plain_scale(value.tail.steps)
        if factor is None:
            return value
        scale = np.asarray(float(value.codes.scale) * factor, self.source.number_type)
        return replace(value.codes, scale=scale)

    def tail_of(self, codes: Codes) -> Tail:
        """Codes as the beginning of a tail of float operations."""
        channels = self.types[codes.op].channels
        scale = np.broadcast_to(codes.scale.astype(np.float64), channels)
        zero = np.full(channels, codes.zero_point, dtype=np.int64)
        tail = FloatTail(scale, zero, (), self.source.number_type)
        return Tail(codes.op, tail, codes.order, codes)
