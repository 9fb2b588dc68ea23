"""Dyadic requantisation: ``y = clip(round((x * multiplier + offset) / 2**shift))`` per channel.

A feed-forward pipeline: the parameters of a beat's channels are read from a memory (or are constants
when all channels share them) while the elements wait; the product is taken in pieces that fit DSP
blocks; offset and half are added at once; the shift is wiring; the result is compared with the
clip's ends and chosen. What is not needed is not built: no multiplier when all are 1, no addition of
zero, no clip when the range lies inside. Rounding half to even takes one addition more, because
which half is added depends on the quotient's own low bit.

It is also the stage of wide fixed-point logits, with shift 0 and a range that clips nothing.
One beat a cycle; latency: what of these stages there is, and 1 (`latency`). Sums are exact; a
reloadable stage holds parameters of the ranges it was built for, and clips whatever they make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Rounding, Timing
from .beat import beat_count, beat_layout, beat_signature, shape_of, to_beats
from .credit import CreditQueueConfig, delay
from .memory import MemoryConfig, MemoryStyle, load_signature, pack_words
from .pipelined_multiply import multiply_latency, pipelined_multiply

__all__ = ["Requantize", "RequantizeConfig"]


@dataclass(frozen=True)
class RequantizeConfig:
    """Parameters by channel; channel c travels in beat ``c div count`` at place ``c mod count``.

    Parameters
    ----------
    channels, count : :class:`int`
        Elements of a frame, and of a beat.
    input_range : :class:`IntegerRange`
        Of x.
    multiplier, offset : int64 array ``[channels]``, or :class:`int` for all
        Parameters of each channel.
    shift : :class:`int`
        Bits dropped.
    rounding : :class:`Rounding`
        How they are dropped.
    output_range : :class:`IntegerRange`
        Results are clipped to it.
    reloadable : :class:`bool`
        Whether parameters can be loaded, within the ranges of the given ones.
    name : :class:`str`
        Names the parameters' file.
    style : ``"block"`` or ``"distributed"``
        Memory of the parameters.

    Raises
    ------
    ValueError
        If a field breaks one of these rules or ``x * multiplier + offset`` exceeds 62 bits.
    """

    channels: int
    count: int
    input_range: IntegerRange
    multiplier: np.ndarray | int = field(repr=False)
    offset: np.ndarray | int = field(repr=False)
    shift: int
    rounding: Rounding
    output_range: IntegerRange
    reloadable: bool = False
    name: str = "requantize"
    style: MemoryStyle = "distributed"

    def __post_init__(self) -> None:
        for subject in ("channels", "count"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        if not 0 <= self.shift <= 62:
            raise ValueError(f"Shift must be 0 to 62, not {self.shift!r}")
        for subject in ("multiplier", "offset"):
            values = np.asarray(getattr(self, subject))
            if values.shape not in ((), (self.channels,)):
                raise ValueError(
                    f"{subject.capitalize()} must be one number or {self.channels}, "
                    f"not of shape {values.shape}"
                )
            values = np.broadcast_to(values.astype(np.int64), self.channels).copy()
            values.flags.writeable = False
            object.__setattr__(self, subject, values)
        if self.sum_range.width > 62:
            raise ValueError(f"Sums must fit 62 bits, not {self.sum_range.width}")
        _ = self.memory

    @property
    def inputs(self) -> int:
        return self.channels

    @property
    def outputs(self) -> int:
        return self.channels

    @property
    def input_count(self) -> int:
        return self.count

    @property
    def output_count(self) -> int:
        return self.count

    @cached_property
    def multiplier_range(self) -> IntegerRange:
        return IntegerRange.of_values(np.asarray(self.multiplier))

    @cached_property
    def offset_range(self) -> IntegerRange:
        return IntegerRange.of_values(np.asarray(self.offset))

    @cached_property
    def product_range(self) -> IntegerRange:
        return self.input_range.with_zero() * self.multiplier_range

    @cached_property
    def sum_range(self) -> IntegerRange:
        """Of ``x * multiplier + offset``, with every channel's parameters and padding, and of the
        same with the half that rounding adds."""
        half = 0 if self.shift == 0 else 1 << (self.shift - 1)
        offsets = IntegerRange(0, half) + self.offset_range.with_zero()
        return self.product_range + offsets

    @property
    def multiplies(self) -> bool:
        return self.reloadable or self.multiplier_range != IntegerRange(1, 1)

    @property
    def adds(self) -> bool:
        rounds = self.shift > 0 and self.rounding is not Rounding.FLOOR
        return self.reloadable or rounds or self.offset_range != IntegerRange(0, 0)

    @property
    def is_uniform(self) -> bool:
        """Whether all channels share their parameters for good: then there is no memory."""
        one = self.multiplier_range.low == self.multiplier_range.high
        return not self.reloadable and one and self.offset_range.low == self.offset_range.high

    @cached_property
    def shifted_range(self) -> IntegerRange:
        """Of the rounded quotient, before the clip."""
        ends = np.array([self.sum_range.low, self.sum_range.high])
        return IntegerRange.of_values(self.rounding.shift_right(ends, self.shift))

    @property
    def clips(self) -> bool:
        return not self.output_range.contains(self.shifted_range)

    @property
    def row_count(self) -> int:
        """Rows of the parameter memory, one a beat of channels."""
        return beat_count(self.channels, self.count)

    @property
    def row_width(self) -> int:
        return self.count * self._pair_width

    @property
    def _pair_width(self) -> int:
        return self.multiplier_range.width + self.offset_range.width

    def pack(self, multiplier: np.ndarray, offset: np.ndarray) -> tuple[int, ...]:
        """Rows of the memory: for each place of a beat its multiplier, above it its offset.

        Raises
        ------
        ValueError
            If a parameter is outside the range that the stage was built for.
        """
        words = np.zeros((self.row_count, self.count), dtype=object)
        position = 0
        for subject, values in (("multiplier", multiplier), ("offset", offset)):
            holds: IntegerRange = getattr(self, f"{subject}_range")
            if not holds.contains(values):
                raise ValueError(f"{subject.capitalize()} must lie in {holds}, not beyond")
            beats = to_beats(np.asarray(values)[np.newaxis], self.count)[0].astype(object)
            words += (beats & ((1 << holds.width) - 1)) << position
            position += holds.width
        return pack_words(words, self._pair_width)

    @property
    def memory(self) -> MemoryConfig | None:
        if self.is_uniform:
            return None
        rows = self.pack(np.asarray(self.multiplier), np.asarray(self.offset))
        return MemoryConfig(
            self.name, self.row_count, self.row_width, rows, self.style, self.reloadable
        )

    @property
    def latency(self) -> int:
        """Cycles from ``i`` to ``o``."""
        cycles = 1 + (0 if self.memory is None else self.memory.read_latency)
        if self.multiplies:
            signed_inputs = self.input_range.width + (not self.input_range.signed)
            factor = self.multiplier_range.width + (not self.multiplier_range.signed)
            cycles += multiply_latency(signed_inputs, factor)
        cycles += self.adds + (2 if self.clips else 0)
        return cycles + (1 if self._ties_to_even else 0)

    @property
    def _ties_to_even(self) -> bool:
        return self.shift > 0 and self.rounding is Rounding.HALF_EVEN

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """int64 ``(frames, channels)`` from the same shape."""
        sums = np.asarray(frames, dtype=np.int64) * self.multiplier + self.offset
        rounded = self.rounding.shift_right(sums, self.shift)
        return np.clip(rounded, self.output_range.low, self.output_range.high)

    @property
    def queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(self.output_range, self.count), self.latency - 1)

    def timing(self) -> Timing:
        return self.queue.timing()

    def cost(self, device: Device) -> Cost:
        """Estimate: additions and clips by width, multipliers as DSP blocks by limbs."""
        width = self.sum_range.width
        lane = Cost(ff=width * (self.latency - 1))
        if self.multiplies:
            blocks = -(-self.input_range.width // 17) * -(-self.multiplier_range.width // 17)
            lane += Cost(dsp=blocks, lut=(blocks - 1) * width, ff=(blocks - 1) * width)
        lane += Cost(lut=width * (self.adds + self._ties_to_even + 2 * self.clips))
        memory = Cost() if self.memory is None else self.memory.cost(device)
        return lane * self.count + memory + self.queue.cost(device)

    def create(self) -> Requantize:
        return Requantize(self)


class Requantize(wiring.Component):
    """The stage: streams ``i`` and ``o``, and ``load`` (see `memory`) if reloadable; its rows are
    those of `RequantizeConfig.pack`."""

    i: stream.Interface
    o: stream.Interface
    load: Any

    def __init__(self, config: RequantizeConfig) -> None:
        self.config = config
        members: dict[str, Any] = {
            "i": In(beat_signature(config.input_range, config.count)),
            "o": Out(beat_signature(config.output_range, config.count)),
        }
        if config.reloadable:
            members["load"] = In(load_signature(config.row_count, config.row_width))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        accept = Signal()
        m.d.comb += [
            self.i.ready.eq(queue.available),
            accept.eq(self.i.valid & self.i.ready),
            queue.take.eq(accept),
        ]
        waits, parameters = 0, None
        if config.memory is not None:
            m.submodules.memory = memory = config.memory.create()
            row = Signal(range(config.row_count))
            m.d.comb += memory.address.eq(row)
            with m.If(accept):
                m.d.sync += row.eq(Mux(row == config.row_count - 1, 0, row + 1))
            if config.reloadable:
                wiring.connect(m, wiring.flipped(self.load), memory.load)
            waits, parameters = config.memory.read_latency, memory.data
        is_last = delay(m, self.i.payload.last, config.latency - 1)
        for place in range(config.count):
            element = delay(m, self.i.payload.data[place], waits)
            multiplier, offset = self._parameters(parameters, place)
            result = self._element(m, element, multiplier, offset)
            if config.channels - (config.row_count - 1) * config.count <= place:
                # Behind the frame's end there must be zero, whatever the parameters make of it.
                result = Mux(is_last, 0, result)
            m.d.comb += queue.result.data[place].eq(result)
        m.d.comb += [
            queue.result.last.eq(is_last),
            queue.push.eq(delay(m, accept, config.latency - 1, reset_less=False)),
        ]
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return m

    def _parameters(self, row: Value | None, place: int) -> tuple[Value | int, Value | int]:
        config = self.config
        if row is None:
            return config.multiplier_range.low, config.offset_range.low
        low = place * config._pair_width
        middle = low + config.multiplier_range.width
        pair = row[low:middle], row[middle : middle + config.offset_range.width]
        ranges = config.multiplier_range, config.offset_range
        a, b = (v.as_signed() if r.signed else v for v, r in zip(pair, ranges))
        return a, b

    def _element(
        self, m: Module, element: Value, multiplier: Value | int, offset: Value | int
    ) -> Value:
        config = self.config
        width = config.sum_range.width + (not config.sum_range.signed)
        value: Value = element
        if config.multiplies:
            factor = _as_signed(m, multiplier, config.multiplier_range)
            element = _as_signed(m, element, config.input_range)
            value = pipelined_multiply(m, element, factor, width)
            if isinstance(offset, Value):
                offset = delay(m, offset, multiply_latency(len(element), len(factor)))
        half = 0 if config.shift == 0 else 1 << (config.shift - 1)
        if config.adds:
            rounding = half if config.rounding is Rounding.HALF_UP else 0
            addend = Signal(signed(width), name="addend")
            total = Signal(signed(width), name="total", reset_less=True)
            m.d.comb += addend.eq(offset + rounding)
            m.d.sync += total.eq(value + addend)
            value = total
        if config._ties_to_even:
            even = Signal(signed(width), name="even", reset_less=True)
            m.d.sync += even.eq(value + (half - 1) + value[config.shift])
            value = even
        shifted = Signal(shape_of(config.shifted_range), name="shifted_result")
        m.d.comb += shifted.eq(value >> config.shift)
        return self._clip(m, shifted) if config.clips else shifted

    def _clip(self, m: Module, value: Signal) -> Value:
        """Comparison in one register, choice in the next."""
        bounds = self.config.output_range
        above, below = Signal(reset_less=True), Signal(reset_less=True)
        held = Signal(value.shape(), reset_less=True)
        result = Signal(shape_of(bounds), name="clipped", reset_less=True)
        m.d.sync += [
            above.eq(value > bounds.high),
            below.eq(value < bounds.low),
            held.eq(value),
            result.eq(Mux(above, bounds.high, Mux(below, bounds.low, held))),
        ]
        return result


def _as_signed(m: Module, value: Value | int, values: IntegerRange) -> Value:
    """The value as a signed signal, one bit wider if its range is not signed."""
    result = Signal(signed(values.width + (not values.signed)), name="factor")
    m.d.comb += result.eq(value)
    return result
