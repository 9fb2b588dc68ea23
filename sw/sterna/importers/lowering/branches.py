"""Lowering where branches meet: sums of codes of any scales, and channels side by side.

Both wait until it is known what follows. A sum is brought to a grid (`grids`) once a quantiser ends
its float tail: then it can be seen which integer factors give the network's own codes. Whatever
follows a concatenation element by element, quantisers included, is done to each branch by itself,
which is the same; so branches of different scales usually leave one quantiser with one scale. Where
a layer reads a sum or a concatenation without a quantiser in between, the grid must hold every
scale exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

import numpy as np

from sterna_hw.base import Rounding

from ... import ir
from ...source import (
    AddBranches,
    ConcatBranches,
    Elementwise,
    Operation,
    Quantiser,
    SourceNode,
)
from .edges import integer_codes
from .grids import Branch, Grid, exact_grid, fit_grid, grid_range, grid_tail, rounded_grid
from .input_edge import RealInput
from .logits import LOGIT_WIDTH
from .state import LoweringState
from .tails import extend_tail, quantise_tail
from .values import Codes, Joined, Lost, Sum, Tail, Value

__all__ = ["Branches"]

CODE_WIDTH = 16
"""Bits that codes on a common grid may have in front of a layer."""

_ROUNDED_BITS = 12  # of factors where nothing tells how many are enough

_QUANTISE = "put a quantiser (QuantIdentity, QuantReLU, Quant) behind each branch"

_Step = TypeVar("_Step", bound=Operation)


@dataclass
class Branches:
    """The part of a lowering that deals with sums and concatenations."""

    state: LoweringState
    emitted: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)

    def join(self, node: SourceNode, operation: AddBranches | ConcatBranches) -> Value:
        """The value of a node that reads several."""
        values = [self._known(name) for name in node.inputs]
        if any(isinstance(value, Lost) for value in values):
            return Lost.ANYTHING
        if any(isinstance(value, Tail) and value.larger for value in values):
            return self._refuse(node.name, "branch must be quantised, not float", _QUANTISE)
        if isinstance(operation, AddBranches):
            left, right = (self._summand(node.name, value) for value in values)
            if isinstance(left, Lost) or isinstance(right, Lost):
                return Lost.ANYTHING
            found = Sum(node.name, left, right, operation.subtracts)
            orders = [codes.order for codes, _ in found.leaves()]
            if not all(_same(order, orders[0]) for order in orders):
                remedy = "flatten all branches or none"
                return self._refuse(node.name, "branches must be in the same order", remedy)
            return found
        parts: list[Codes | Tail | Sum] = []
        for value in values:
            if isinstance(value, Joined):
                parts += value.parts
            elif isinstance(value, Codes | Tail | Sum):
                parts.append(value)
            else:
                reason = "branch must be quantised, not the network's float input"
                return self._refuse(node.name, reason, _QUANTISE)
        return Joined(node.name, tuple(parts))

    def _known(self, name: str) -> Value:
        """A value that was visited before, integers of the network's input as codes."""
        value = self.state.values[name]
        return integer_codes(self.state, value) if isinstance(value, RealInput) else value

    def then(self, operation: Elementwise, value: Sum | Joined) -> Value:
        """An element-wise operation behind a sum or a concatenation."""
        if isinstance(value, Sum):
            return replace(value, steps=(*value.steps, operation))
        parts = self._each(operation, value, lambda step, part: self._then(step, part))
        return parts if isinstance(parts, Lost) else replace(value, parts=tuple(parts))

    def _then(self, operation: Elementwise, part: Codes | Tail | Sum) -> Value:
        if isinstance(part, Sum):
            return self.then(operation, part)
        return extend_tail(self.state, operation, part)

    def quantise(self, name: str, quantiser: Quantiser, value: Sum | Joined) -> Value:
        """A quantiser behind a sum or a concatenation."""
        if isinstance(value, Sum):
            tail = self._fitted(name, quantiser, value)
            return (
                tail if isinstance(tail, Lost) else quantise_tail(self.state, name, quantiser, tail)
            )

        def each(own: Quantiser, part: Codes | Tail | Sum) -> Value:
            if isinstance(part, Sum):
                return self.quantise(name, own, part)
            return quantise_tail(self.state, name, own, part)

        parts = self._each(quantiser, value, each)
        if isinstance(parts, Lost):
            return parts
        codes = [part for part in parts if isinstance(part, Codes)]
        return self._concat(value.name, codes, [1] * len(codes), quantiser.scale)

    def codes(self, name: str, value: Sum | Joined) -> Codes | Lost:
        """A sum or a concatenation as codes of one scale, for a layer to read."""
        if isinstance(value, Joined):
            parts = [self._summand(name, part) for part in value.parts]
            plain = [self.codes(name, part) if isinstance(part, Sum) else part for part in parts]
            codes = [part for part in plain if isinstance(part, Codes)]
            if len(codes) < len(plain):
                return Lost.ANYTHING
            branches = self._branches([(part, 1) for part in codes])
            grid = exact_grid(branches)
            width = max((b.values * f).width for b, f in zip(branches, grid.factors))
            if width > CODE_WIDTH:
                return self._off_grid(name, branches)
            return self._concat(value.name, codes, list(grid.factors), self._number(grid.unit))
        if value.steps:
            reason = "input must be quantised, not float"
            return self._refuse(name, reason, "put a quantiser behind the sum")
        branches = self._branches(value.leaves())
        grid = exact_grid(branches)
        if grid_range(branches, grid).width > CODE_WIDTH:
            return self._off_grid(name, branches)
        op = self._emit(value, grid)
        zero = sum(f * b.zero_point for f, b in zip(grid.factors, branches))
        return Codes(op, self._number(grid.unit), zero, value.leaves()[0][0].order)

    def output(self, name: str, value: Sum | Joined) -> Codes | Tail | Lost:
        """A sum or a concatenation that leaves the network."""
        if isinstance(value, Joined):
            return self.codes(name, value)
        branches = self._branches(value.leaves())
        grid = exact_grid(branches)
        if grid_range(branches, grid).width > LOGIT_WIDTH:
            grid = rounded_grid(branches, _ROUNDED_BITS)
        op = self._emit(value, grid)
        error = sum(
            b.reach * abs(b.sign * b.scale - factor * grid.unit)
            for b, factor in zip(branches, grid.factors)
        )
        self.state.notes.append(ir.LayerNote(op, "sum", error_bound=float(error)))
        return self._tail(op, value, branches, grid)

    def _fitted(self, name: str, quantiser: Quantiser, value: Sum) -> Tail | Lost:
        branches = self._branches(value.leaves())
        number_type = self.state.source.number_type
        channels = self.state.types[value.leaves()[0][0].op].channels
        varies = any(constant.ndim for step in value.steps for constant in step.constants())
        if value.leaves()[0][0].order is not None and varies:
            remedy = "put it before the flatten or behind the next layer"
            return self._refuse(name, "a flattened image must have no channels", remedy)
        fit = fit_grid(branches, value.add, value.steps, quantiser, channels, number_type)
        if fit.agreement < 1 and not self.state.approximate:
            reason = (
                f"sum of branches must be exact, but agrees on {fit.agreement:.6%} of their codes"
            )
            remedy = "use scales that are powers of two, or accept approximate=True"
            return self._refuse(name, reason, remedy)
        op = self._emit(value, fit.grid)
        self.state.notes.append(ir.LayerNote(op, f"sum, {fit.form}", fit.agreement))
        return self._tail(op, value, branches, fit.grid)

    def _tail(self, op: str, value: Sum, branches: Sequence[Branch], grid: Grid) -> Tail:
        channels = self.state.types[op].channels
        number_type = self.state.source.number_type
        tail = grid_tail(branches, grid, channels, value.steps, number_type)
        return Tail(op, tail, value.leaves()[0][0].order)

    def _emit(self, value: Sum, grid: Grid) -> str:
        """The graph's add; readers that agree on the factors share one."""
        key = (value.name, grid.factors)
        if key not in self.emitted:
            inputs = tuple(codes.op for codes, _ in value.leaves())
            name = self.state.names.new(value.name)
            self.emitted[key] = self.state.emit(ir.Add(name, inputs, grid.factors))
        return self.emitted[key]

    def _concat(
        self, name: str, codes: Sequence[Codes], factors: Sequence[int], scale: np.ndarray
    ) -> Codes | Lost:
        """The graph's concat, and multipliers behind it where branches need any."""
        state = self.state
        sizes = [state.types[part.op].channels for part in codes]
        order = None
        if any(part.order is not None for part in codes):
            if any(len(state.types[part.op].shape) > 1 for part in codes):
                return self._refuse(name, "an image must be flattened whole", "concat it before")
            starts = np.cumsum([0, *sizes[:-1]])
            own = [np.arange(n) if p.order is None else p.order for p, n in zip(codes, sizes)]
            order = np.concatenate([start + places for start, places in zip(starts, own)])
        op = state.emit(ir.Concat(state.names.new(name), tuple(part.op for part in codes)))
        zeros = [part.zero_point for part in codes]
        if set(factors) == {1} and len(set(zeros)) == 1:
            return Codes(op, scale, zeros[0], order)
        multiplier = np.repeat(factors, sizes)
        offset = np.repeat([-f * zero for f, zero in zip(factors, zeros)], sizes)
        grid = state.names.new(f"{name}.grid")
        op = state.emit(ir.Requantize(grid, (op,), multiplier, offset, 0, Rounding.FLOOR))
        return Codes(op, scale, 0, order)

    def _summand(self, name: str, value: object) -> Codes | Sum | Lost:
        """A value as something that can be added exactly."""
        if isinstance(value, Joined):
            value = self.codes(name, value)
        if isinstance(value, Tail):
            value = self.state.plain_codes(value)
        if isinstance(value, Tail):
            scale, zero = value.tail.scale, value.tail.zero_point
            if not value.tail.steps and (scale == scale[0]).all() and (zero == zero[0]).all():
                value = Codes(value.op, np.asarray(scale[0]), int(zero[0]), value.order)
        if isinstance(value, Codes) and not np.ndim(value.scale):
            return value
        if isinstance(value, Lost) or (isinstance(value, Sum) and not value.steps):
            return value
        if isinstance(value, Codes):
            remedy = "use one scale for the whole activation tensor"
            return self._refuse(name, "branch must have one scale, not one a channel", remedy)
        return self._refuse(name, "branch must be quantised, not float", _QUANTISE)

    def _each(
        self,
        operation: _Step,
        value: Joined,
        handle: Callable[[_Step, Codes | Tail | Sum], Value],
    ) -> list[Codes | Tail | Sum] | Lost:
        """An operation done to each part, with that part's constants of channels."""
        results: list[Codes | Tail | Sum] = []
        start = 0
        for part in value.parts:
            op = part.leaves()[0][0].op if isinstance(part, Sum) else part.op
            channels = self.state.types[op].channels
            result = handle(_sliced(operation, start, channels), part)
            start += channels
            if not isinstance(result, Codes | Tail | Sum):
                return Lost.ANYTHING
            results.append(result)
        return results

    def _branches(self, leaves: Sequence[tuple[Codes, int]]) -> list[Branch]:
        types = self.state.types
        return [
            Branch(types[codes.op].range, float(codes.scale), codes.zero_point, sign)
            for codes, sign in leaves
        ]

    def _number(self, unit: float) -> np.ndarray:
        return np.asarray(unit, dtype=self.state.source.number_type)

    def _off_grid(self, name: str, branches: Sequence[Branch]) -> Lost:
        scales = ", ".join(f"{branch.scale:g}" for branch in branches)
        reason = f"branches must have scales with one common measure, not {scales}"
        remedy = "quantise behind the sum or concatenation, or use powers of two"
        return self._refuse(name, reason, remedy)

    def _refuse(self, name: str, reason: str, remedy: str) -> Lost:
        self.state.refuse(name, reason, remedy)
        return Lost.ANYTHING


def _same(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def _sliced(operation: _Step, start: int, channels: int) -> _Step:
    """The operation with the constants of some channels only."""
    changed = {
        item.name: getattr(operation, item.name)[start : start + channels]
        for item in fields(operation)
        if isinstance(value := getattr(operation, item.name), np.ndarray) and value.ndim
    }
    return replace(operation, **changed) if changed else operation
