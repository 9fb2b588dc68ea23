"""Regroups a frame of N elements from beats of one size to beats of another, at any ratio.

Every beat boundary of a frame is known beforehand, so a fixed program of operations repeats for
each frame: which operation takes a beat, which one gives a beat, and by how many elements the data
must be rotated. The positions are multiples of the greatest common divisor of the two sizes and
repeat after a few operations, which keeps the program and the rotation short.

- Narrowing (input wider than output): the beat last taken is held; an output beat is a window of
  it, or of its end and the start of the next. The lanes of both are merged, then rotated down.
- Widening (output wider): each input beat is rotated to its place, then written into the lanes of
  an assembly register; lanes that fall behind the end of the output beat start the next one. When N
  ends in such lanes, one more operation flushes them; it runs beside the next frame's first beat.

The rotation is a pipeline of registers without enables in front of a queue with credits, two
doublings to a register. Rate: the larger of ceil(N / input) and ceil(N / output) cycles a frame, no
bubbles between frames. The tail of the last beat must be zero, and is zero again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_count, beat_layout, beat_signature
from .credit import CreditQueueConfig, delay
from .gearbox_control import GearboxControl
from .rotation import (
    LEVELS_PER_REGISTER,
    lanes_by_level,
    rotate_from_few,
    rotate_to_few,
    rotation_latency,
)

__all__ = ["Gearbox", "GearboxConfig"]


@dataclass(frozen=True)
class GearboxConfig:
    """Frames of ``elements`` from ``input_count`` to ``output_count`` elements a beat.

    Parameters
    ----------
    elements : :class:`int`
        Elements of a frame, N.
    input_range : :class:`~sterna_hw.base.IntegerRange`
        Range of an element; padding needs it to hold 0 in the frame's last beat.
    input_count, output_count : :class:`int`
        Elements of an input and of an output beat.

    Raises
    ------
    ValueError
        If a count is not positive.
    """

    elements: int
    input_range: IntegerRange
    input_count: int
    output_count: int

    def __post_init__(self) -> None:
        for subject in ("elements", "input_count", "output_count"):
            value = getattr(self, subject)
            if value < 1:
                name = subject.capitalize().replace("_", " ")
                raise ValueError(f"{name} must be 1 or more, not {value!r}")

    @property
    def output_range(self) -> IntegerRange:
        return self.input_range

    @property
    def inputs(self) -> int:
        return self.elements

    @property
    def outputs(self) -> int:
        return self.elements

    @property
    def input_beats(self) -> int:
        return beat_count(self.elements, self.input_count)

    @property
    def output_beats(self) -> int:
        return beat_count(self.elements, self.output_count)

    @property
    def narrows(self) -> bool:
        return self.input_count > self.output_count

    @property
    def wide_count(self) -> int:
        """The larger of the two sizes: the width of the rotation."""
        return max(self.input_count, self.output_count)

    @property
    def grain(self) -> int:
        """Elements that always stay together."""
        return math.gcd(self.input_count, self.output_count)

    @property
    def positions(self) -> int:
        """Different places in a wide beat at which a narrow one may begin."""
        return self.wide_count // self.grain

    @cached_property
    def program(self) -> tuple[tuple[bool, bool], ...]:
        """One frame's operations in order: (takes a beat, gives a beat).

        A flush, which only gives, is the last operation of a widening frame that has one.
        """
        if self.narrows:
            ends = [
                beat_count(min((beat + 1) * self.output_count, self.elements), self.input_count)
                for beat in range(self.output_beats)
            ]
            return tuple((end > start, True) for start, end in zip([0, *ends], ends))
        operations, given = [], 0
        for beat in range(self.input_beats):
            end = min((beat + 1) * self.input_count, self.elements)
            is_last = end == self.elements
            gives = end // self.output_count > given or is_last
            given += gives
            operations.append((True, gives))
        return tuple(operations) + ((False, True),) * (self.output_beats - given)

    @property
    def has_flush(self) -> bool:
        return not self.narrows and not self.program[-1][0]

    @property
    def is_aligned(self) -> bool:
        """Whether narrow beats never straddle two wide ones."""
        return self.grain == min(self.input_count, self.output_count)

    @property
    def pipeline_latency(self) -> int:
        """Registers between taking a beat and the queue.

        Widening: the rotation, if an input lane does not feed fixed output lanes, and two at least:
        one for the decisions on the beat, one for what they mean for each lane. Narrowing: merging,
        then the rotation.
        """
        if self.input_count == self.output_count:
            return 0
        if self.narrows:
            return 1 + rotation_latency(self.positions)
        return 2 if self.is_aligned else max(2, rotation_latency(self.positions))

    @property
    def queue(self) -> CreditQueueConfig:
        """The queue behind the pipeline. What is widened is often wide indeed."""
        layout = beat_layout(self.output_range, self.output_count)
        return CreditQueueConfig(layout, self.pipeline_latency, is_wide=True)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Frames (int64, shape ``(frames, elements)``) pass unchanged: only their beats differ."""
        return np.asarray(frames, dtype=np.int64)

    def timing(self) -> Timing:
        latency = self.queue.latency + 1
        steps = {
            (takes, gives): Step(
                # A flush leaves the same cycle free for the next frame's first beat.
                cycles=1 if self.narrows or takes else 0,
                take=("i",) * takes + ("places",) * gives,
                give=(("o", latency),) * gives,
            )
            for takes, gives in set(self.program)
        }
        return Timing(
            ("i",),
            ("o",),
            (Process("regroup", tuple(steps[operation] for operation in self.program)),),
            {"places": self.queue.places},
            {"o": "places"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: a multiplexer for each bit and level of the rotation and of the merging,
        flip-flops for what is held and for the pipeline, and the queue."""
        bits, positions = self.input_range.width, self.positions
        queue = self.queue.cost(device)
        if self.input_count == self.output_count:
            return queue
        few = min(self.input_count, self.output_count) // self.grain
        levels = lanes_by_level(few, positions)
        if self.narrows:
            rotated, registered = sum(levels[:-1]), sum(levels[:-1:LEVELS_PER_REGISTER])
        elif self.is_aligned:
            rotated, registered = 0, few * self.pipeline_latency
        else:
            rotated = sum(levels[1:])
            steps = range(LEVELS_PER_REGISTER, len(levels) - 1, LEVELS_PER_REGISTER)
            registered = sum(levels[step] for step in steps) + levels[-1]
        wide = bits * self.wide_count
        return queue + logic(
            device,
            "gearbox_narrow" if self.narrows else "gearbox_wide",
            ff=bits * self.grain * registered + wide * (1 + self.narrows),
            rotated_bits=bits * self.grain * rotated,
            wide_bits=wide,
            positions=positions,
            beat_bits=max(len(self.program).bit_length(), 1),
            each=1,
            straddling_positions=positions * (not self.is_aligned),
        )

    def create(self) -> Gearbox:
        return Gearbox(self)


class Gearbox(wiring.Component):
    """The regrouping part.

    Attributes
    ----------
    i : stream of beats of ``input_count`` elements, in
    o : stream of beats of ``output_count`` elements, out
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: GearboxConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(config.input_range, config.input_count)),
                "o": Out(beat_signature(config.output_range, config.output_count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        if config.input_count == config.output_count:
            m.d.comb += [
                self.i.ready.eq(queue.available),
                queue.take.eq(queue.available & self.i.valid),
                queue.push.eq(queue.take),
                queue.result.eq(self.i.payload),
            ]
            return m

        control = GearboxControl(m, config)
        m.d.comb += [
            control.available.eq(queue.available),
            control.i_valid.eq(self.i.valid),
            self.i.ready.eq(control.i_ready),
            queue.take.eq(control.give),
            queue.push.eq(delay(m, control.give, config.pipeline_latency, reset_less=False)),
            queue.result.last.eq(delay(m, control.ends, config.pipeline_latency)),
        ]
        bits = config.input_range.width * config.grain
        elements = Value.cast(self.i.payload.data)
        row = [elements[at : at + bits] for at in range(0, len(elements), bits)]
        result = self._narrow(m, control, row) if config.narrows else self._widen(m, control, row)
        m.d.comb += Value.cast(queue.result.data).eq(Cat(result))
        return m

    def _narrow(self, m: Module, control: GearboxControl, row: list[Value]) -> list[Value]:
        merged = []
        for lane, arriving in enumerate(row):
            held = Signal(arriving.shape(), name=f"held{lane}", reset_less=True)
            both = Signal(arriving.shape(), name=f"merged{lane}", reset_less=True)
            with m.If(control.take):
                m.d.sync += held.eq(arriving)
            if self.config.is_aligned:
                m.d.sync += both.eq(Mux(control.takes, arriving, held))
            else:
                old, new = control.old[lane], control.new[lane]
                m.d.sync += both.eq(Mux(old, held, Mux(new, arriving, 0)))
            merged.append(both)
        few = self.config.output_count // self.config.grain
        return rotate_to_few(m, merged, delay(m, control.position, 1), few)

    def _widen(self, m: Module, control: GearboxControl, row: list[Value]) -> list[Value]:
        config, positions = self.config, self.config.positions
        latency = config.pipeline_latency
        if config.is_aligned:
            placed = [delay(m, row[0], latency)] * positions
        else:
            placed = rotate_from_few(m, row, control.position, positions)
            placed = [delay(m, lane, latency - rotation_latency(positions)) for lane in placed]
        # A register between what a position means for each lane and what is done about it.
        early = latency - 1
        position = delay(m, control.position, early - 1)
        take, give, flush = (
            delay(m, signal, early, reset_less=False)
            for signal in (control.take, control.give, control.flush)
        )
        few = config.input_count // config.grain
        result = []
        for lane, arriving in enumerate(placed):
            # From where on the beat covers this lane, in this output beat and as part of the next.
            here = [at for at in range(positions) if at <= lane < at + few]
            next_beat = [at for at in range(positions) if lane < at + few - positions]
            covers_here, covers_next = (
                delay(m, Value.cast(position.matches(*places)), 1) if places else Const(0)
                for places in (here, next_beat)
            )
            joins = delay(m, covers_here & take & ~flush, 1)
            begins = (covers_here & flush) | (covers_next & ~flush)
            load = delay(m, take & Mux(give, begins, covers_here), 1, reset_less=False)
            clear = delay(m, give & ~(begins & take), 1, reset_less=False)
            assembled = Signal(arriving.shape(), name=f"assembled{lane}")
            with m.If(load | clear):
                m.d.sync += assembled.eq(Mux(load, arriving, 0))
            result.append(Mux(joins, arriving, assembled))
        return result
