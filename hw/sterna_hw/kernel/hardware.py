"""Gateware of a scheduled graph: one Amaranth signal an operation, registers between cycles.

A value is asked for at a cycle. At the cycle in which it is computed it is the operation's signal;
at later ones it is that signal behind a chain of registers, which all users share. Wires (shifts,
slices, joins) have no registers: they are taken from their operands at the cycle in which they are
wanted. What is held needs no registers after the first, and constants none.

Where beats are at least n cycles apart, a register that takes its value only when the beat is there
keeps it for n cycles, so one register does the work of n (`Beats`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value

from ..base import IntegerRange
from ..beat import shape_of
from .graph import FREE, Node
from .schedule import Kind, Schedule, macro_latency, multiplier, rom

__all__ = ["Beats", "Emitter", "operation_value"]


@dataclass(frozen=True)
class Beats:
    """Where beats are: ``pulse(c)`` is high c cycles after one entered, ``interval`` or more apart.

    ``product`` gives the output of the multiplier that a product of this element shares, or None.
    """

    interval: int
    pulse: Callable[[int], Value]
    product: Callable[[Node], Value | None]


class Emitter:
    """Builds the values of one element (or those that all elements share).

    Parameters
    ----------
    m : :class:`amaranth.hdl.Module`
        Where to build.
    timetable : :class:`~.schedule.Schedule`
        The graph and its times.
    find : function from a node and this emitter to the emitter that owns the node
        Values that are the same for all elements are owned by one emitter.
    prefix : :class:`str`
        In front of the names of signals.
    beats : :class:`Beats`, optional
        Where they are, if not in every cycle.
    """

    def __init__(
        self,
        m: Module,
        timetable: Schedule,
        find: Callable[[Node, Emitter], Emitter],
        prefix: str,
        beats: Beats | None = None,
    ) -> None:
        self.m = m
        self.timetable = timetable
        self.find = find
        self.prefix = prefix
        self.beats = beats
        self.inputs: dict[str, Value] = {}
        self._chains: dict[Node, list[Value]] = {}
        self._wires: dict[tuple[Node, int], Value] = {}

    def give(self, name: str, values: IntegerRange, value: Value) -> None:
        """Names the value of an input."""
        signal = Signal(shape_of(values), name=f"{self.prefix}_{name}")
        self.m.d.comb += signal.eq(value)
        self.inputs[name] = signal

    def at(self, node: Node, cycle: int) -> Value:
        """The value of a node as it is wanted in a cycle."""
        owner = self.find(node, self)
        if owner is not self:
            return owner.at(node, cycle)
        if node.is_constant:
            return Const(node.detail, shape_of(node.range))
        if node.operation in FREE:
            if (node, cycle) not in self._wires:
                operands = [self.at(operand, cycle) for operand in node.operands]
                value = operation_value(node, operands)
                self._wires[node, cycle] = self._named(node, value, f"_{cycle}")
            return self._wires[node, cycle]
        chain = self._chains.setdefault(node, [])
        if not chain:
            chain.append(self._compute(node))
        time = self.timetable.times[node]
        is_held = self.timetable.kinds[node] is Kind.HELD
        delay = (time.level > 0) if is_held else cycle - time.cycle
        assert delay >= 0, f"{node} is wanted before it is there"
        interval = self.beats.interval if self.beats else 1
        registers = -(-delay // interval)
        while len(chain) <= registers:
            self._register(node, chain, time.cycle + (len(chain) - 1) * interval)
        return chain[registers]

    def _register(self, node: Node, chain: list[Value], cycle: int) -> None:
        name = f"{self._name(node)}_{len(chain)}"
        register = Signal(shape_of(node.range), name=name, reset_less=True)
        if self.beats:
            with self.m.If(self.beats.pulse(cycle)):
                self.m.d.sync += register.eq(chain[-1])
        else:
            self.m.d.sync += register.eq(chain[-1])
        chain.append(register)

    def _compute(self, node: Node) -> Value:
        cycle = self.timetable.times[node].cycle
        if node.operation == "input":
            return self.inputs[node.detail]
        shared = self.beats.product(node) if self.beats else None
        if shared is not None:
            return self._named(node, shared)
        operands = [self.at(operand, cycle - macro_latency(node)) for operand in node.operands]
        if node.operation == "multiply":
            config = multiplier(node)
            return self._named(node, config.build(self.m, *operands))
        config = rom(node) if node.operation == "table" else None
        if config is not None:
            memory = config.create()
            self.m.submodules[self._name(node)] = memory
            self.m.d.comb += memory.address.eq(operands[0])
            return self._named(node, memory.data)
        return self._named(node, operation_value(node, operands))

    def _name(self, node: Node) -> str:
        return f"{self.prefix}_{node.operation}{node.number}"

    def _named(self, node: Node, value: Value, suffix: str = "") -> Value:
        signal = Signal(shape_of(node.range), name=self._name(node) + suffix)
        self.m.d.comb += signal.eq(value)
        return signal


def operation_value(node: Node, operands: list[Value]) -> Value:
    """An operation of plain logic or wires; exact once cut to the width of the node's range."""
    detail = node.detail
    match node.operation:
        case "add" if len(operands) == 3:
            # The carry goes in through one more bit below: one chain, not two.
            a, b, carry = operands
            return _with_bit_below(a, Const(1, 1)) + _with_bit_below(b, carry) >> 1
        case "subtract" if len(operands) == 3:
            a, b, borrow = operands
            return _with_bit_below(a, Const(0, 1)) - _with_bit_below(b, borrow) >> 1
        case "less" if len(operands) == 3:
            a, b, borrow = operands
            return _with_bit_below(a, Const(0, 1)) < _with_bit_below(b, borrow)
        case "add":
            return operands[0] + operands[1]
        case "subtract":
            return operands[0] - operands[1]
        case "less":
            return operands[0] < operands[1]
        case "equal":
            return operands[0] == operands[1]
        case "select":
            return Mux(*operands)
        case "shift":
            return operands[0] << detail if detail > 0 else operands[0] >> -detail
        case "low_bits":
            a = operands[0]
            if detail > len(a):
                return Cat(a, a[-1].replicate(detail - len(a)))
            return a[:detail]
        case "signed_bits":
            return operands[0][:detail].as_signed()
        case "join":
            high, low = operands
            joined = Cat(_resized(low, detail), high)
            return joined.as_signed() if high.shape().signed else joined
        case "and":
            return operands[0] & operands[1]
        case "or":
            return operands[0] | operands[1]
        case "xor":
            return operands[0] ^ operands[1]
        case "table":
            return _logic_table(node, operands[0])
    raise AssertionError(node.operation)


def _with_bit_below(value: Value, bit: Value) -> Value:
    joined = Cat(bit, value)
    return joined.as_signed() if value.shape().signed else joined


def _resized(value: Value, width: int) -> Value:
    """An unsigned value in exactly so many bits."""
    return value[:width] if len(value) >= width else Cat(value, Const(0, width - len(value)))


def _logic_table(node: Node, index: Value) -> Value:
    """Each bit of the result is a constant of as many bits as there are rows, shifted by the index.

    Written as a choice by cases it would be a memory to some synthesis tools.
    """
    shape: Shape = shape_of(node.range)
    row = _resized(index, node.operands[0].width)
    columns = [
        sum(((entry >> place) & 1) << at for at, entry in enumerate(node.detail))
        for place in range(shape.width)
    ]
    joined = Cat(*((Const(column, len(node.detail)) >> row)[0] for column in columns))
    return joined.as_signed() if shape.signed else joined
