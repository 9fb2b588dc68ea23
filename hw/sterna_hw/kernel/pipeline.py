"""A kernel as a pipeline: values in, results a fixed number of cycles later, nothing else.

This is the bare form, for use inside a larger part: no handshake, no enables, no reset. Whatever
stands at the inputs in cycle c has its results at the outputs in cycle c + ``latency``, a new set
every cycle. Results are registered (where ``latency`` is not 0). Each of ``count`` elements has a
datapath of its own, except for what depends on common inputs only, which is built once.

Inputs are of three kinds: one value for each element; ``common`` inputs, one value for all elements
that travels with them; and ``held`` inputs, one value that must not change while anything that
needs it is in the pipeline, and that must have stood for ``held_latency`` cycles before it is used.

`latency` follows from the function, the ranges and ``depth``, see `schedule`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.hdl import Module, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, IntegerRange
from ..beat import shape_of
from .estimate import element_cost
from .function import Kernel, Trace
from .graph import Node
from .hardware import Emitter
from .schedule import Kind, Schedule, schedule
from .tabulate import tabulate

__all__ = ["KernelPipeline", "KernelPipelineComponent"]


@dataclass(frozen=True)
class KernelPipeline:
    """A kernel over inputs of known ranges.

    Parameters
    ----------
    function : :class:`~.function.Kernel`
        What is computed.
    inputs : mapping of :class:`str` to :class:`~sterna_hw.base.IntegerRange`
        Range of every positional parameter of the function.
    count : :class:`int`
        Elements side by side.
    common, held : tuple of :class:`str`
        Inputs that are not elements, see above.
    depth : :class:`int`
        Levels of logic between registers, 2 or more; a level is a look-up table of four inputs or
        eight bits of carry chain, after the first.
    constants : mapping
        Values of the function's keyword-only parameters.

    Raises
    ------
    ValueError
        If a field breaks one of these rules, or the kernel does what hardware cannot.
    """

    function: Kernel
    inputs: Mapping[str, IntegerRange]
    count: int = 1
    common: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    depth: int = 4
    constants: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.function, Kernel):
            raise ValueError(f"Function must be a kernel, not {self.function!r}")
        if self.count < 1:
            raise ValueError(f"Count must be 1 or more, not {self.count!r}")
        if self.depth < 2:
            raise ValueError(f"Depth must be 2 or more, not {self.depth!r}")
        for subject in ("common", "held"):
            for name in getattr(self, subject):
                if name not in self.inputs:
                    raise ValueError(
                        f"{subject.capitalize()} inputs must be among "
                        f"{', '.join(self.inputs)}, not {name}"
                    )
        self.trace  # noqa: B018  (says now what is wrong with the function)

    @cached_property
    def trace(self) -> Trace:
        """The graph as written, before it is cut to the clock."""
        return self.function.trace(self.inputs, self.constants)

    @property
    def kinds(self) -> dict[str, Kind]:
        kinds = {name: Kind.ELEMENT for name in self.inputs}
        kinds.update({name: Kind.COMMON for name in self.common})
        kinds.update({name: Kind.HELD for name in self.held})
        return kinds

    @cached_property
    def timetable(self) -> Schedule:
        outputs = tabulate(list(self.trace.outputs.values()))
        return schedule(outputs, self.depth, self.kinds)

    @property
    def latency(self) -> int:
        """Cycles from inputs to results."""
        return self.timetable.latency

    @property
    def held_latency(self) -> int:
        """Cycles that held inputs must have stood still before they are used."""
        table = self.timetable
        times = [table.times[n] for n in table.nodes if table.kinds[n] is Kind.HELD]
        return max((time.cycle + (time.level > 0) for time in times), default=0)

    @cached_property
    def outputs(self) -> dict[str, IntegerRange]:
        """Proven range of every result: ``data``, or the names that the function gives."""
        return {name: node.range for name, node in self.trace.outputs.items()}

    def compute(self, *values: Any) -> Any:
        """What the function makes of integers or arrays, in the order of its parameters.

        Raises
        ------
        ValueError
            If a value is outside the range of its input.
        """
        for (name, allowed), given in zip(self.inputs.items(), values, strict=True):
            if not allowed.contains(np.asarray(given)):
                found = IntegerRange.of_values(np.asarray(given))
                raise ValueError(f"Input {name} must be within {allowed}, not {found}")
        by_name = dict(zip(self.inputs, values))
        ordered = (by_name[name] for name in self.function.inputs)
        return self.function(*ordered, **self.constants)

    def cost(self, device: Device) -> Cost:
        """Estimate: operations and registers, those of elements ``count`` times."""
        shared = element_cost(self.timetable, device, (Kind.HELD, Kind.COMMON))
        return shared + element_cost(self.timetable, device, (Kind.ELEMENT,)) * self.count

    def build(
        self, m: Module, values: Mapping[str, Value | Sequence[Value]], name: str | None = None
    ) -> dict[str, list[Value]]:
        """Adds the pipeline to a module.

        Parameters
        ----------
        m : :class:`amaranth.hdl.Module`
            Gets the logic, in domain ``sync``.
        values : mapping
            For each input its value: a list of ``count`` values, or one value where the input is
            common or held. Shapes must hold the input's range.
        name : :class:`str`, optional
            In front of signal names; distinguishes two pipelines of one kernel in one module.

        Returns
        -------
        dict of :class:`str` to list
            For each result ``count`` values, `latency` cycles later.
        """
        table, prefix = self.timetable, name or self.function.name

        def owner(node: Node, element: Emitter) -> Emitter:
            return element if table.kinds[node] is Kind.ELEMENT else shared

        shared = Emitter(m, table, owner, prefix)
        results: dict[str, list[Value]] = {result: [] for result in self.trace.outputs}
        for number in range(self.count):
            element = Emitter(m, table, owner, f"{prefix}_{number}")
            for input_name, kind in self.kinds.items():
                given: Any = values[input_name]
                if kind is Kind.ELEMENT:
                    element.give(input_name, self.inputs[input_name], given[number])
                elif not number:
                    shared.give(input_name, self.inputs[input_name], given)
            for result, node in zip(results, table.outputs):
                results[result].append(element.at(node, self.latency))
        return results

    @property
    def input_layout(self) -> data.StructLayout:
        """One field an input: an array of ``count`` elements, or one value."""
        return _layout(self.inputs, self.kinds, self.count)

    @property
    def output_layout(self) -> data.StructLayout:
        """One field a result: an array of ``count`` elements."""
        return _layout(self.outputs, {}, self.count)

    def create(self) -> KernelPipelineComponent:
        return KernelPipelineComponent(self)


def _layout(
    ranges: Mapping[str, IntegerRange], kinds: Mapping[str, Kind], count: int
) -> data.StructLayout:
    fields: dict[str, Any] = {}
    for name, values in ranges.items():
        is_element = kinds.get(name, Kind.ELEMENT) is Kind.ELEMENT
        fields[name] = data.ArrayLayout(shape_of(values), count) if is_element else shape_of(values)
    return data.StructLayout(fields)


class KernelPipelineComponent(wiring.Component):
    """The pipeline between two ports of plain values.

    Attributes
    ----------
    i : in, ``config.input_layout``
    o : out, ``config.output_layout``; ``config.latency`` cycles later
    """

    i: Any
    o: Any

    def __init__(self, config: KernelPipeline) -> None:
        self.config = config
        super().__init__({"i": In(config.input_layout), "o": Out(config.output_layout)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        results = self.config.build(m, {name: self.i[name] for name in self.config.inputs})
        for name, values in results.items():
            for number, value in enumerate(values):
                m.d.comb += self.o[name][number].eq(value)
        return m
