"""A kernel as a part between two streams, with the cycles that the house's cycle model knows.

Every beat carries ``count`` elements of every input (and one value of every common input), and
leaves with as many results. The pipeline has no enables: a credit counter at its entrance lets a
beat in when a place in the queue behind it is sure (`sterna_hw.credit`).

With ``interval`` 1 a beat is accepted every cycle. With n, one every n cycles: products share
multipliers then, see `sharing`. Latency is that of the pipeline and one cycle for the queue.

A stream of one input, or of one result, is a plain stream of beats (`sterna_hw.beat`); with several
the payload has one array each, under their names. It keeps nothing from one beat to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, IntegerRange, Process, Step, Timing
from ..beat import beat_count, shape_of
from ..credit import CreditQueueConfig, delay, delay_cost
from .estimate import element_cost
from .function import Kernel
from .pipeline import KernelPipeline
from .schedule import Kind
from .sharing import SharedSchedule, is_shared, share
from .turns import build_in_turns

__all__ = ["KernelConfig", "KernelPart"]


@dataclass(frozen=True)
class KernelConfig:
    """A kernel over frames.

    Parameters
    ----------
    function : :class:`~.function.Kernel`
        What is computed of each element.
    ranges : mapping of :class:`str` to :class:`~sterna_hw.base.IntegerRange`
        Range of every positional parameter of the function.
    elements : :class:`int`
        Elements of a frame, N.
    count : :class:`int`
        Elements of a beat. The last beat of a frame is filled up with zeros.
    common : tuple of :class:`str`
        Inputs of which a beat has one value for all its elements.
    interval : :class:`int`
        Cycles from one accepted beat to the next, at least.
    depth : :class:`int`
        Levels of logic between registers, as for `KernelPipeline`.
    constants : mapping
        Values of the function's keyword-only parameters.

    Raises
    ------
    ValueError
        If a field breaks one of these rules, or the kernel does what hardware cannot.
    """

    function: Kernel
    ranges: Mapping[str, IntegerRange]
    elements: int
    count: int = 1
    common: tuple[str, ...] = ()
    interval: int = 1
    depth: int = 4
    constants: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for subject in ("elements", "interval"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        for name in (*self.ranges, *self.pipeline.outputs):
            if name == "last":
                raise ValueError("Name of an input or result must be another, not last")
        if set(self.common) >= set(self.ranges):
            raise ValueError("Common inputs must be fewer than all, not all")

    @cached_property
    def pipeline(self) -> KernelPipeline:
        """Without streams, a beat every cycle."""
        return KernelPipeline(
            self.function, self.ranges, self.count, self.common, (), self.depth, self.constants
        )

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return beat_count(self.elements, self.count)

    @property
    def inputs(self) -> int:
        return self.elements

    @property
    def outputs(self) -> int:
        return self.elements

    @property
    def input_count(self) -> int:
        return self.count

    @property
    def output_count(self) -> int:
        return self.count

    @property
    def input_range(self) -> IntegerRange:
        """Of the only input."""
        (values,) = self.ranges.values()
        return values

    @property
    def result_ranges(self) -> dict[str, IntegerRange]:
        """Of each result; with zero, where last beats are filled up."""
        found = self.pipeline.outputs
        if self.elements % self.count:
            found = {name: values.with_zero() for name, values in found.items()}
        return found

    @property
    def output_range(self) -> IntegerRange:
        """Of the only result."""
        (values,) = self.result_ranges.values()
        return values

    @property
    def input_layout(self) -> data.StructLayout:
        """Payload of ``i``: a field an input (``data`` if there is but one), and ``last``."""
        return _payload(self.ranges, self.common, self.count)

    @property
    def output_layout(self) -> data.StructLayout:
        """Payload of ``o``: a field a result (``data`` if there is but one), and ``last``."""
        return _payload(self.result_ranges, (), self.count)

    def compute(self, *frames: np.ndarray) -> Any:
        """Results of frames of shape ``(frames, elements)``, one array an input in the order of
        ``ranges``; of common inputs ``(frames, beats)``."""
        spread = []
        for name, values in zip(self.ranges, frames, strict=True):
            values = np.asarray(values)
            if name in self.common:
                values = np.repeat(values, self.count, axis=1)[:, : self.elements]
            spread.append(values)
        return self.pipeline.compute(*spread)

    @cached_property
    def shared(self) -> SharedSchedule:
        """Times and multipliers where beats come every ``interval`` cycles."""
        return share(self.pipeline.timetable, self.count, self.depth, self.interval)

    @property
    def pipeline_latency(self) -> int:
        return self.pipeline.latency if self.interval == 1 else self.shared.latency

    @property
    def _queue(self) -> CreditQueueConfig:
        latency = self.pipeline_latency
        # A place is taken for latency + 2 cycles if nothing makes the beat wait.
        places = -(-(latency + 2) // self.interval)
        return CreditQueueConfig(self.output_layout, latency, places)

    def timing(self) -> Timing:
        step = Step(self.interval, take=("i", "places"), give=(("o", self.pipeline_latency + 1),))
        process = Process("pass", (step,))
        return Timing(("i",), ("o",), (process,), {"places": self._queue.places}, {"o": "places"})

    def cost(self, device: Device) -> Cost:
        """Estimate: the pipeline, its multipliers and its queue."""
        control = Cost(lut=4, ff=4) + delay_cost(device, 2, self.pipeline_latency)
        total = control + self._queue.cost(device)
        if self.interval == 1:
            return total + self.pipeline.cost(device)
        total += self.shared.unit_cost(device)
        total += element_cost(self.shared.elements[0], device, (Kind.HELD, Kind.COMMON))
        kinds = self.pipeline.timetable.kinds
        for element in self.shared.elements:
            total += element_cost(
                element, device, (Kind.ELEMENT,), self.interval, lambda n: is_shared(n, kinds)
            )
        return total

    def create(self) -> KernelPart:
        return KernelPart(self)


def _payload(
    ranges: Mapping[str, IntegerRange], common: tuple[str, ...], count: int
) -> data.StructLayout:
    fields: dict[str, Any] = {}
    for name, values in ranges.items():
        shape = shape_of(values)
        field_name = name if len(ranges) > 1 else "data"
        fields[field_name] = shape if name in common else data.ArrayLayout(shape, count)
    return data.StructLayout({**fields, "last": 1})


class KernelPart(wiring.Component):
    """The pipeline between its streams.

    Attributes
    ----------
    i : stream of ``config.input_layout``, in
    o : stream of ``config.output_layout``, out
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: KernelConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(config.input_layout)),
                "o": Out(stream.Signature(config.output_layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config._queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        ready = self._entrance(m, queue.available)
        pulses: list[Value] = [queue.take]

        def pulse(cycle: int) -> Value:
            while len(pulses) <= cycle:
                pulses.append(delay(m, pulses[-1], 1, reset_less=False))
            return pulses[cycle]

        latency = config.pipeline_latency
        last = delay(m, self.i.payload.last, latency) if config.interval == 1 else None
        if last is None:
            last = self._kept_last(m, pulse, latency)
        m.d.comb += [
            self.i.ready.eq(ready),
            queue.take.eq(ready & self.i.valid),
            queue.push.eq(pulse(latency)),
            queue.result.last.eq(last),
        ]
        several = len(config.ranges) > 1
        values = {name: self.i.payload[name if several else "data"] for name in config.ranges}
        if config.interval == 1:
            results = config.pipeline.build(m, values)
        else:
            results = build_in_turns(
                m, config.pipeline, config.shared, config.interval, values, pulse
            )
        used = config.elements - (config.beats - 1) * config.count
        for name, lanes in results.items():
            result = queue.result[name if len(results) > 1 else "data"]
            for number, value in enumerate(lanes):
                kept = value if number < used else Mux(last, 0, value)
                m.d.comb += result[number].eq(kept)
        return m

    def _entrance(self, m: Module, available: Value) -> Value:
        """Whether a beat may enter now: there is room, and ``interval`` cycles have gone by."""
        rest = Signal(range(max(self.config.interval, 2)))
        if self.config.interval == 1:
            return available
        is_time = Signal(init=1)
        with m.If(available & is_time & self.i.valid):
            m.d.sync += [rest.eq(self.config.interval - 1), is_time.eq(0)]
        with m.Elif(~is_time):
            m.d.sync += [rest.eq(rest - 1), is_time.eq(rest == 1)]
        return available & is_time

    def _kept_last(self, m: Module, pulse: Any, latency: int) -> Value:
        """``last`` in registers that keep it until the next beat may come."""
        value: Value = self.i.payload.last
        for cycle in range(0, latency, self.config.interval):
            register = Signal(reset_less=True)
            with m.If(pulse(cycle)):
                m.d.sync += register.eq(value)
            value = register
        return value
