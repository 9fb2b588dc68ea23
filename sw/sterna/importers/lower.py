"""Lowering: from a float-level source network to the integer graph.
 The source is walked once. Each value becomes one of three things: *codes*, an integer value with
one scale; a *tail*, an integer value followed by float operations that are only collected; or the
network's real *input*, likewise. A linear layer takes codes and becomes a matmul, whose result
begins a tail. A quantiser ends a tail: it becomes thresholds. A tail that reaches the output
becomes wide logits.

What cannot be exact is refused, all layers together, unless ``approximate`` accepts it; then the
measured agreement stands in the layer's note. Nothing here imitates float arithmetic: see `tail`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from sterna_hw.base import TERNARY, IntegerRange, Rounding

from .. import ir
from ..source import (
    AddBranches,
    BipolarQuantiser,
    ConcatBranches,
    Elementwise,
    Enlarge,
    IntegerQuantiser,
    Linear,
    Opaque,
    PixelShuffle,
    Pooling,
    Quantiser,
    Reshape,
    SourceGraph,
    SourceNode,
    Transpose,
    Windows,
)
from ..unsupported import Problem, UnsupportedError
from .affine import affine_form
from .alphabets import choose_alphabet
from .branches import Branches, Joined, Sum
from .input_edge import RealInput, smallest_scale_edge
from .integer_input import offset_of_codes, plain_scale
from .logits import fit_logits
from .lowering import LayerNote, Lowering
from .names import Names
from .reordering import reordered
from .requantise import fit_requantise
from .tail import FloatTail, TailError, find_table, find_thresholds
from .values import Codes as _Codes
from .values import Lost as _Lost
from .values import Tail as _Tail

__all__ = ["MOST_THRESHOLDS", "lower"]

MOST_THRESHOLDS = 255
"""Levels beyond which a quantiser becomes a dyadic requantisation instead of thresholds."""

_QUANTISE = "put a quantiser (QuantIdentity, QuantReLU, Quant) before it"


_Value = _Codes | _Tail | Sum | Joined | RealInput | _Lost


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
    lowerer = _Lowerer(source, approximate)
    for node in source.needed():
        lowerer.visit(node)
    lowerer.finish()
    if lowerer.problems:
        order = {node.name: index for index, node in enumerate(source.nodes)}
        raise UnsupportedError(sorted(lowerer.problems, key=lambda p: order.get(p.layer, -1)))
    shape = next(iter(source.inputs.values()))
    graph = ir.Graph(source.name, tuple(lowerer.ops), lowerer.inputs, lowerer.outputs, shape)
    return Lowering(graph, tuple(lowerer.notes))


@dataclass
class _Lowerer:
    source: SourceGraph
    approximate: bool
    ops: list[ir.Op] = field(default_factory=list)
    inputs: dict[str, ir.InputEdge] = field(default_factory=dict)
    outputs: dict[str, ir.OutputEdge] = field(default_factory=dict)
    notes: list[LayerNote] = field(default_factory=list)
    types: dict[str, ir.TensorType] = field(default_factory=dict)
    values: dict[str, _Value] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    pixels: dict[RealInput, _Codes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.problems: list[Problem] = list(self.source.problems)
        self.branches = Branches(self)
        for name, shape in self.source.inputs.items():
            self.values[name] = RealInput(name, shape)

    def known(self, name: str) -> _Value:
        """A value that was visited before, integers of the network's input as codes."""
        value = self.values[name]
        return self.integers(value) if isinstance(value, RealInput) else value

    def visit(self, node: SourceNode) -> None:
        value = self.values[node.inputs[0]] if node.inputs else _Lost.ANYTHING
        operation = node.operation
        if isinstance(value, RealInput) and not isinstance(operation, Opaque | Transpose):
            if not isinstance(operation, Reshape) or value.axes:
                value = self.integers(value)
        if isinstance(value, Sum | Joined) and not isinstance(
            operation, Quantiser | Elementwise | AddBranches | ConcatBranches
        ):
            value = self.branches.codes(node.name, value)
        if isinstance(operation, Linear | Windows):
            value = self.plain_codes(value)
        result: _Value = _Lost.ANYTHING
        if isinstance(operation, Opaque):
            pass  # refused by the reader
        elif isinstance(operation, AddBranches | ConcatBranches):
            result = self.branches.join(node)
        elif isinstance(operation, Linear):
            result = self.linear(node.name, operation, value)
        elif isinstance(value, _Lost):
            result = _Lost.ANYTHING if isinstance(operation, Quantiser) else value
        elif isinstance(operation, Transpose):
            result = self.transpose(node, operation, value)
        elif isinstance(operation, Windows):
            result = self.windows(node.name, operation, value)
        elif isinstance(operation, Reshape):
            result = self.reshape(node.name, operation, value)
        elif isinstance(operation, Enlarge):
            result = self.enlarge(node.name, operation, value)
        elif isinstance(operation, Quantiser):
            result = self.quantise(node.name, operation, value)
        elif isinstance(operation, Elementwise):
            result = self.elementwise(operation, value)
        self.values[node.name] = result

    def refuse(self, layer: str, reason: str, remedy: str) -> _Lost:
        self.problems.append(Problem(layer, reason, remedy))
        return _Lost.ANYTHING

    def emit(self, op: ir.Op) -> str:
        self.types[op.name] = op.result_type(tuple(self.types[name] for name in op.inputs))
        self.ops.append(op)
        return op.name

    def integers(self, value: RealInput) -> RealInput | _Codes:
        """The network's input as codes, if it holds integers."""
        integers = self.source.integers
        if integers is None:
            return value
        if value not in self.pixels:
            kind = ir.TensorType(value.shape, integers.values)
            op = self.emit(ir.Input(self.names.new(value.name), (), kind))
            self.inputs[op] = ir.InputEdge(integers.scale, 0, value.axes)
            scale = np.asarray(integers.scale, self.source.number_type)
            self.pixels[value] = _Codes(op, scale, 0)
        return self.pixels[value]

    def plain_codes(self, value: _Value) -> _Value:
        """Codes behind which stood nothing but a factor are codes of another scale."""
        if not isinstance(value, _Tail) or value.codes is None or value.codes.scale.ndim:
            return value
        if value.larger:
            return value
        factor = plain_scale(value.tail.steps)
        if factor is None:
            return value
        scale = np.asarray(float(value.codes.scale) * factor, self.source.number_type)
        return replace(value.codes, scale=scale)

    def is_alone(self, value: str) -> bool:
        """Whether no value on the way from the network's input has another reader."""
        readers = Counter(name for node in self.source.needed() for name in node.inputs)
        while value not in self.source.inputs:
            if readers[value] > 1:
                return False
            (value,) = self.source[value].inputs
        return readers[value] == 1

    def linear(self, name: str, linear: Linear, value: _Value) -> _Value:
        if value is _Lost.ANYTHING:
            return _Lost.FLOAT
        if not isinstance(value, _Codes):
            remedy = "put a quantiser (QuantIdentity, QuantReLU, Quant) before it"
            self.refuse(name, "input must be quantised, not float", remedy)
            return _Lost.FLOAT
        if value.scale.ndim:
            remedy = "use one scale for the whole activation tensor"
            self.refuse(name, "input must have one scale, not one a channel", remedy)
            return _Lost.FLOAT
        op = self.emit(self.product(self.names.new(name), linear, value))
        scale = linear.scale.astype(np.float64) * float(value.scale)
        zero = linear.weights.sum(axis=1) * value.zero_point
        return _Tail(op, FloatTail(scale, zero, (), self.source.number_type))

    def product(self, name: str, linear: Linear, value: _Codes) -> ir.Op:
        """A matrix product; of a grouped convolution without the zeros between its groups."""
        window = next((op for op in self.ops if op.name == value.op), None)
        if linear.groups > 1 and isinstance(window, ir.Window):
            weights = linear.seen(window.taps)
            alphabet, planes = choose_alphabet(weights, linear.binary)
            return ir.GroupMatMul(
                name, (value.op,), weights, alphabet, planes, linear.groups, window.taps
            )
        alphabet, planes = choose_alphabet(linear.weights, linear.binary)
        weights = linear.weights if value.order is None else linear.weights[:, value.order]
        return ir.MatMul(name, (value.op,), weights, alphabet, planes)

    def transpose(self, node: SourceNode, transpose: Transpose, value: _Value) -> _Value:
        """Integers stay as they are; only their order is noted, for a reshape to follow."""
        if isinstance(value, RealInput):
            return value.transposed(transpose)
        if not isinstance(value, _Codes) or value.order is not None:
            reason = "image must be quantised before it is flattened"
            return self.refuse(node.name, reason, _QUANTISE)
        edge = self.inputs.get(value.op)
        if edge is not None and len(self.ops) == 1 and self.is_alone(node.inputs[0]):
            # Right behind the input nothing has been done to any element yet: its axes change.
            kind = self.types[value.op]
            self.ops.clear()
            self.inputs[value.op] = edge.transposed(transpose.axes, len(kind.shape))
            shape = transpose.shape(kind.shape) or ()
            self.emit(ir.Input(value.op, (), ir.TensorType(shape, kind.range)))
            return value
        shape = self.types[value.op].shape
        places = np.arange(math.prod(shape))
        wanted = transpose.evaluate(places.reshape(1, *shape))
        order = np.empty_like(places)
        order[wanted.ravel()] = places
        return value if (order == places).all() else replace(value, order=order)

    def windows(self, name: str, windows: Windows, value: _Value) -> _Value:
        if not isinstance(value, _Codes) or value.scale.ndim:
            what = "one scale" if isinstance(value, _Codes) else "a quantiser in front"
            return self.refuse(name, f"windows must have {what}", _QUANTISE)
        largest = isinstance(windows, Pooling) and not windows.mean
        low = self.types[value.op].range.low
        if isinstance(windows, Pooling) and windows.is_global:
            mode = "max" if largest else "sum"
            op = self.emit(ir.GlobalPool(self.names.new(name), (value.op,), mode))
            return self.pooled(op, value, windows)
        op = self.emit(
            ir.Window(
                self.names.new(f"{name}.taps" if isinstance(windows, Pooling) else name),
                (value.op,),
                windows.rows,
                windows.columns,
                low if largest and windows.pads else value.zero_point,
            )
        )
        if not isinstance(windows, Pooling):
            return replace(value, op=op)
        mode = "max" if largest else "sum"
        op = self.emit(ir.Pool(self.names.new(name), (op,), mode, windows.taps))
        return self.pooled(op, value, windows)

    def pooled(self, op: str, value: _Codes, pooling: Pooling) -> _Value:
        """The codes of a largest element, or the tail that divides a sum."""
        if not pooling.mean:
            return replace(value, op=op)
        channels = self.types[op].channels
        scale = np.full(channels, float(value.scale) / pooling.taps)
        zero = np.full(channels, value.zero_point * pooling.taps)
        return _Tail(op, FloatTail(scale, zero, (), self.source.number_type))

    def reshape(self, name: str, reshape: Reshape, value: _Value) -> _Value:
        if isinstance(value, RealInput):
            return value.reshaped(reshape.target)
        if isinstance(value, _Codes) and not value.scale.ndim:
            if self.types[value.op].shape == reshape.target:
                return value
            if value.order is not None and len(reshape.target) != 1:
                return self.refuse(name, "an image must be flattened whole", "flatten from axis 1")
            first = self.ops[0]
            is_plain = value.op == first.name and value.order is None and len(self.ops) == 1
            if isinstance(first, ir.Input) and is_plain:
                # A reshape right behind the input is the input's own shape.
                self.ops.clear()
                kind = ir.TensorType(reshape.target, first.type.range)
                self.emit(ir.Input(first.name, (), kind))
                return value
            op = self.emit(ir.Reshape(self.names.new(name), (value.op,), reshape.target))
            return replace(value, op=op)
        if isinstance(value, _Tail) and self.types[value.op].shape == reshape.target:
            return value
        remedy = "put the quantiser before the reshape"
        return self.refuse(name, "input of a reshape must be quantised, not float", remedy)

    def elementwise(self, operation: Elementwise, value: _Value) -> _Value:
        if isinstance(value, RealInput):
            return value.then(operation)
        if isinstance(value, Sum | Joined):
            return self.branches.then(operation, value)
        if isinstance(value, _Codes):
            value = self.tail_of(value)
        assert isinstance(value, _Tail)
        if value.order is not None and any(constant.ndim for constant in operation.constants()):
            remedy = "put it before the flatten or behind the next layer"
            return self.refuse(value.op, "a flattened image must have no channels", remedy)
        if value.channels is not None:
            return replace(value, tail=value.tail.then_by_channel(operation, value.channels))
        return replace(value, tail=value.tail.then(operation))

    def enlarge(self, name: str, larger: Enlarge, value: _Value) -> _Value:
        """Done at once to codes. Floats wait for their quantiser, as their number only grows."""
        if isinstance(value, _Codes) and value.order is None and not value.scale.ndim:
            return replace(value, op=self.emit_larger(name, larger, value.op))
        if not isinstance(value, _Tail) or value.order is not None:
            return self.refuse(name, "an image must be quantised before it is larger", _QUANTISE)
        count = self.types[value.op].channels
        channels = np.arange(count) if value.channels is None else value.channels
        channels = larger.channel_of(int(channels.max()) + 1)[channels]
        return replace(value, larger=(*value.larger, larger), channels=channels)

    def emit_larger(self, name: str, larger: Enlarge, source: str) -> str:
        if not isinstance(larger, PixelShuffle):
            return self.emit(
                ir.Upsample(self.names.new(name), (source,), larger.down, larger.across)
            )
        order = larger.part_order(self.types[source].channels)
        if (order != np.arange(len(order))).any():
            source = self.reorder(f"{name}.order", source, order)
        return self.emit(
            ir.PixelShuffle(self.names.new(name), (source,), larger.down, larger.across)
        )

    def reorder(self, name: str, source: str, order: np.ndarray) -> str:
        """Channels in another order: by the rows of the layer that makes them, or where others read
        them too, by a layer of its own."""
        readers = Counter(name for node in self.source.needed() for name in node.inputs)
        shared = {
            value.op
            for name, value in self.values.items()
            if isinstance(value, _Codes | _Tail) and readers[name] > 1
        }
        ops = reordered(self.ops, source, order, shared)
        if ops is not None:
            self.ops[:] = ops
            return source
        rows = np.eye(len(order), dtype=np.int64)[order]
        return self.emit(ir.MatMul(self.names.new(name), (source,), rows, TERNARY))

    def tail_of(self, codes: _Codes) -> _Tail:
        channels = self.types[codes.op].channels
        scale = np.broadcast_to(codes.scale.astype(np.float64), channels)
        zero = np.full(channels, codes.zero_point, dtype=np.int64)
        tail = FloatTail(scale, zero, (), self.source.number_type)
        return _Tail(codes.op, tail, codes.order, codes)

    def quantise(self, name: str, quantiser: Quantiser, value: _Value) -> _Value:
        if isinstance(value, RealInput):
            return self.quantise_input(name, quantiser, value)
        if isinstance(value, Sum | Joined):
            return self.branches.quantise(name, quantiser, value)
        if isinstance(value, _Codes):
            value = self.tail_of(value)
        assert isinstance(value, _Tail)
        inner = quantiser
        if value.channels is not None and quantiser.scale.ndim:
            inner = replace(quantiser, scale=quantiser.scale[value.channels])
        result = self.quantise_tail(name, inner, value)
        if isinstance(result, _Codes):
            for larger in value.larger:
                op = self.emit_larger(f"{name}.larger", larger, result.op)
                result = replace(result, op=op, scale=quantiser.scale)
        return result

    def quantise_tail(self, name: str, quantiser: Quantiser, value: _Tail) -> _Value:
        kind = self.types[value.op].range
        if value.order is not None and quantiser.scale.ndim:
            remedy = "use one scale for the whole tensor"
            return self.refuse(name, "a flattened image must have one scale", remedy)
        try:
            if quantiser.level_count > MOST_THRESHOLDS:
                op = self.requantise(name, quantiser, value, kind)
            elif not value.tail.is_monotone and (op := self.table(name, quantiser, value, kind)):
                pass
            else:
                found = find_thresholds(value.tail, quantiser, kind)
                offset = offset_of_codes(found, quantiser, kind)
                if value.op in self.inputs and offset is not None:
                    # The quantiser changes no pixel, but what it is worth.
                    return _Codes(value.op, quantiser.scale, offset, value.order)
                op = self.emit(
                    ir.Threshold(
                        self.names.new(name),
                        (value.op,),
                        found.table,
                        found.descending,
                        quantiser.low,
                        quantiser.step,
                    )
                )
                form = "enumerated" if found.enumerated else "bisected"
                self.notes.append(LayerNote(op, f"thresholds, {form}"))
        except TailError as error:
            remedy = "use only monotone operations in between, or fewer sums"
            return self.refuse(name, str(error), remedy)
        return op if isinstance(op, _Lost) else _Codes(op, quantiser.scale, 0, value.order)

    def requantise(
        self, name: str, quantiser: Quantiser, value: _Tail, kind: IntegerRange
    ) -> str | _Lost:
        assert isinstance(quantiser, IntegerQuantiser)
        narrower = "quantise to 8 bits or fewer"
        try:
            fit = fit_requantise(value.tail, quantiser, kind)
        except ValueError as error:
            table = self.table(name, quantiser, value, kind)
            return table or self.refuse(name, str(error), narrower)
        if not fit.exact and (table := self.table(name, quantiser, value, kind)):
            return table
        if not fit.exact and not self.approximate:
            measured = f"{fit.agreement:.6%} of accumulator values"
            reason = f"dyadic requantisation must be exact, but agrees on {measured}"
            return self.refuse(name, reason, f"{narrower}, or accept approximate=True")
        op = self.emit(
            ir.Requantize(
                self.names.new(name),
                (value.op,),
                fit.multiplier,
                fit.offset,
                fit.shift,
                fit.rounding,
                fit.clip,
            )
        )
        self.notes.append(LayerNote(op, "dyadic", fit.agreement))
        return op

    def table(
        self, name: str, quantiser: Quantiser, value: _Tail, kind: IntegerRange
    ) -> str | None:
        """A table of every value, if it is not too large."""
        table = find_table(value.tail, quantiser, kind)
        if table is None:
            return None
        op = self.emit(ir.Table(self.names.new(name), (value.op,), table, kind.low))
        self.notes.append(LayerNote(op, "table"))
        return op

    def quantise_input(self, name: str, quantiser: Quantiser, value: RealInput) -> _Value:
        if self.inputs:
            remedy = "put one quantiser (QuantIdentity) in front of all branches"
            return self.refuse(name, "network's input must be quantised once", remedy)
        try:
            if isinstance(quantiser, BipolarQuantiser):
                edge, bounds = smallest_scale_edge(value)
            else:
                edge, bounds = value.edge(quantiser)
        except ValueError as error:
            return self.refuse(name, str(error), "apply it to the data before the network")
        op = self.emit(ir.Input(self.names.new(value.name), (), ir.TensorType(value.shape, bounds)))
        self.inputs[op] = edge
        if not isinstance(quantiser, BipolarQuantiser):
            return _Codes(op, quantiser.scale, edge.zero_point)
        channels = self.types[op].channels
        table = np.zeros((channels, 1), dtype=np.int64)
        falls = np.zeros(channels, dtype=np.int64)
        signs = self.emit(ir.Threshold(self.names.new(name), (op,), table, falls, -1, 2))
        return _Codes(signs, quantiser.scale, 0)

    def finish(self) -> None:
        (name,) = self.source.outputs
        value = self.values[name]
        if isinstance(value, Sum | Joined):
            value = self.branches.output(name, value)
        if isinstance(value, _Codes | _Tail) and value.order is not None:
            self.refuse(name, "a flattened image must go into a layer", "end in a linear layer")
            return
        if isinstance(value, RealInput):
            self.refuse(name, "network must hold a layer", "add a quantised linear layer")
        if isinstance(value, _Codes) and value.scale.ndim:
            value = self.tail_of(value)
        if isinstance(value, _Codes):
            self.outputs[value.op] = ir.OutputEdge(float(value.scale), value.zero_point)
        elif isinstance(value, _Tail):
            self.logits(name, value)

    def logits(self, name: str, value: _Tail) -> None:
        remedy = "leave the activation of the last layer out, or quantise after it"
        try:
            form = affine_form(value.tail)
        except ValueError:
            self.refuse(name, "logits must be affine in the last layer's sums", remedy)
            return
        if form.bounded:
            self.refuse(name, "logits must be affine in the last layer's sums", remedy)
            return
        fit = fit_logits(form, self.types[value.op].range)
        op = self.emit(
            ir.Requantize(
                self.names.new(f"{value.op}.logits"),
                (value.op,),
                fit.multiplier,
                fit.offset,
                0,
                Rounding.FLOOR,
            )
        )
        self.notes.append(LayerNote(op, "logits", error_bound=fit.error_bound))
        for larger in value.larger:
            op = self.emit_larger(f"{name}.larger", larger, op)
        self.outputs[op] = ir.OutputEdge(fit.unit)
