"""Gateware of a kernel whose multipliers serve several products in turn (see `sharing`).

Each element has its own emitter with its own times; each multiplier stands beside them. In the
cycle in which it is a product's turn, told by where the beat is, that product's factors go through
to the multiplier's input registers; in all other cycles its inputs are zero. The result stands at
the multiplier's output for one cycle, in which its element takes it up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amaranth.hdl import Module, Signal, Value

from ..beat import shape_of
from .graph import Node
from .hardware import Beats, Emitter
from .pipeline import KernelPipeline
from .schedule import Kind
from .sharing import Product, SharedSchedule, ordered_factors

__all__ = ["build_in_turns"]


def build_in_turns(
    m: Module,
    pipeline: KernelPipeline,
    shared: SharedSchedule,
    interval: int,
    values: Mapping[str, Any],
    pulse: Callable[[int], Value],
) -> dict[str, list[Value]]:
    """Results, `SharedSchedule.latency` cycles after their beat; as of `KernelPipeline.build`.

    ``pulse(c)`` must be high c cycles after a beat entered; beats are at least ``interval`` apart.
    """
    kinds = pipeline.timetable.kinds
    outputs: dict[Product, Value] = {}
    factors: list[tuple[Signal, Signal]] = []
    for unit in shared.units:
        multiply = unit.config
        first = Signal(shape_of(multiply.value_range))
        second = Signal(shape_of(multiply.multiplier_range))
        output = multiply.build(m, first, second)
        outputs.update({product: output for product in unit.starts.values()})
        factors.append((first, second))

    def owner(node: Node, element: Emitter) -> Emitter:
        return element if kinds[node] is Kind.ELEMENT else common

    def emitter(number: int, prefix: str) -> Emitter:
        beats = Beats(interval, pulse, lambda node: outputs.get((node, number)))
        return Emitter(m, shared.elements[number], owner, prefix, beats)

    name = pipeline.function.name
    common = emitter(0, name)
    elements = [emitter(number, f"{name}_{number}") for number in range(pipeline.count)]
    for input_name, kind in pipeline.kinds.items():
        allowed = pipeline.inputs[input_name]
        if kind is not Kind.ELEMENT:
            common.give(input_name, allowed, values[input_name])
            continue
        for number, element in enumerate(elements):
            element.give(input_name, allowed, values[input_name][number])
    for unit, inputs in zip(shared.units, factors):
        _choose(m, unit.starts, inputs, elements, pulse)
    return {
        result: [element.at(node, shared.latency) for element in elements]
        for result, node in zip(pipeline.outputs, pipeline.timetable.outputs)
    }


def _choose(
    m: Module,
    starts: Mapping[int, Product],
    inputs: tuple[Signal, Signal],
    elements: list[Emitter],
    pulse: Callable[[int], Value],
) -> None:
    """Connects a multiplier's inputs: all products' factors, each behind its turn, in one OR."""
    chosen: list[list[Value]] = [[], []]
    for cycle, (node, number) in sorted(starts.items()):
        for place, factor in enumerate(ordered_factors(node)):
            wide = Signal(inputs[place].shape())
            m.d.comb += wide.eq(elements[number].at(factor, cycle))
            is_turn = pulse(cycle).replicate(len(wide)) if len(starts) > 1 else ~0
            chosen[place].append(wide & is_turn)
    for signal, terms in zip(inputs, chosen):
        joined = terms[0]
        for term in terms[1:]:
            joined = joined | term
        m.d.comb += signal.eq(joined)
