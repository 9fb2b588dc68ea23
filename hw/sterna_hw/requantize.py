"""Scales integers by a dyadic number for each channel: ``clip(round((x * m + b) / 2**shift))``.

A pipeline of exact integer steps: multiply, add the offset, round, clip. Multipliers are cut into
pieces that fit a DSP block, and the pieces added one register each; a multiplier that is one power
of two for all channels costs nothing. Half of the rounding unit is part of the stored offset, so
rounding to nearest is a plain cut (see `round_and_clip`).

With shift 0 and multiplier 1 it adds a bias for each channel and serves as the stage for wide
fixed-point logits. One beat a cycle; `pipeline_latency` says how many registers. No floats, no
scale that changes at run time other than by reloading the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring

from .base import Cost, Device, IntegerRange, Rounding, Timing
from .base.cost_table import logic
from .beat import beat_layout, shape_of
from .channels import ChannelConfig, ChannelPart, close_pipeline, open_pipeline
from .credit import CreditQueueConfig, delay, delay_cost, flags_cost
from .loop import loops_cost
from .memory import MemoryConfig, MemoryStyle, load_signature, pack_words
from .multiply import MultiplyConfig
from .round_and_clip import RoundAndClipConfig

__all__ = ["Requantize", "RequantizeConfig"]

Values = int | Sequence[int] | np.ndarray


@dataclass(frozen=True)
class RequantizeConfig(ChannelConfig):
    """``y = clip(round((x * multiplier + offset) / 2**shift), low, high)``.

    Parameters
    ----------
    channels : :class:`int`
        Channels C, fastest in the stream: element e of a frame belongs to channel e % C.
    count : :class:`int`
        Elements of a beat, Q. Where it does not divide C, a frame is C elements.
    input_range : :class:`~sterna_hw.base.IntegerRange`
        Proven range of x.
    multiplier, offset : :class:`int`, or one for each channel
        Any sign; offset is added before the shift.
    shift : :class:`int`
        Bits dropped.
    rounding : :class:`~sterna_hw.base.Rounding`
        How they are dropped.
    output_range : :class:`~sterna_hw.base.IntegerRange`
        What results are clipped to; it must hold 0 where a last beat is padded.
    reloadable : :class:`bool`
        Whether multipliers and offsets can be written at run time through ``load``.
    multiplier_range, offset_range : :class:`~sterna_hw.base.IntegerRange`, optional
        What may be reloaded; the values at start by default.
    name : :class:`str`
        Names the file of the contents.
    distributed_rows : :class:`int`
        Tables of more rows go to block memory.

    Raises
    ------
    ValueError
        If a field breaks one of these rules, or a product may need more than 62 bits.
    """

    input_range: IntegerRange
    multiplier: Values = field(repr=False)
    offset: Values = field(repr=False)
    shift: int
    rounding: Rounding
    output_range: IntegerRange
    reloadable: bool = False
    multiplier_range: IntegerRange | None = None
    offset_range: IntegerRange | None = None
    name: str = "scales"
    distributed_rows: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.shift <= 48:
            raise ValueError(f"Shift must be 0 to 48, not {self.shift!r}")
        for subject in ("multiplier", "offset"):
            values = np.atleast_1d(np.asarray(getattr(self, subject), dtype=np.int64))
            if values.shape not in ((1,), (self.channels,)):
                raise ValueError(
                    f"{subject.capitalize()} must be one integer, or one for each of "
                    f"{self.channels} channels, not {values.size}"
                )
            values = np.broadcast_to(values, self.channels)
            object.__setattr__(self, subject, tuple(values.tolist()))
            actual, allowed = IntegerRange.of_values(values), f"{subject}_range"
            if getattr(self, allowed) is None:
                object.__setattr__(self, allowed, actual)
            elif not getattr(self, allowed).contains(actual):
                raise ValueError(
                    f"{subject.capitalize()} must be within {getattr(self, allowed)}, not {actual}"
                )
        if self.is_padded and not self.output_range.contains(0):
            raise ValueError(
                f"Output range must hold 0, which pads the last of {self.channels} channels in "
                f"beats of {self.count}, not {self.output_range}"
            )
        if self.sum_range.width > 62:
            raise ValueError(f"Product plus offset must fit 62 bits, not {self.sum_range.width}")

    @property
    def half(self) -> int:
        """Part of every stored offset, where rounding is to nearest."""
        return RoundAndClipConfig.half(self.shift, self.rounding)

    @property
    def stored_range(self) -> IntegerRange:
        """Of the stored offsets, half included."""
        assert self.offset_range is not None
        return self.offset_range + IntegerRange(self.half, self.half)

    @property
    def product_range(self) -> IntegerRange:
        assert self.multiplier_range is not None
        return self.input_range * self.multiplier_range

    @property
    def sum_range(self) -> IntegerRange:
        return self.product_range + self.stored_range

    @property
    def end(self) -> RoundAndClipConfig:
        return RoundAndClipConfig(self.sum_range, self.shift, self.rounding, self.output_range)

    @cached_property
    def multiply(self) -> MultiplyConfig:
        assert self.multiplier_range is not None
        fixed = None
        if not self.reloadable and self.multiplier_range.low == self.multiplier_range.high:
            fixed = self.multiplier_range.low
        return MultiplyConfig(self.input_range, self.multiplier_range, fixed)

    @property
    def row_count(self) -> int:
        """Rows of the reload port: one for each beat of channels."""
        return self.beats

    @property
    def row_width(self) -> int:
        """Each lane takes its multiplier in the low bits, then its stored offset."""
        assert self.multiplier_range is not None
        return self.count * (self.multiplier_range.width + self.stored_range.width)

    def pack(self, multiplier: Values, offset: Values) -> tuple[int, ...]:
        """Row words for the reload port.

        Raises
        ------
        ValueError
            If a multiplier or offset is outside its range, or there are not C of them.
        """
        assert self.multiplier_range is not None and self.offset_range is not None
        lanes, at = np.zeros((self.beats, self.count), dtype=object), 0
        for subject, values, allowed, stored in (
            ("Multiplier", multiplier, self.multiplier_range, self.multiplier_range),
            ("Offset", offset, self.offset_range, self.stored_range),
        ):
            values = np.broadcast_to(np.asarray(values, dtype=np.int64), self.channels)
            if not allowed.contains(values):
                raise ValueError(
                    f"{subject} must be within {allowed}, not {IntegerRange.of_values(values)}"
                )
            values = values + (stored.low - allowed.low)
            # Python integers: a pair may need more than 64 bits.
            bits = values.astype(object) % (1 << stored.width)
            lanes, at = lanes + bits[self.channel_of_lanes()] * (1 << at), at + stored.width
        return pack_words(lanes, at)

    @cached_property
    def memory(self) -> MemoryConfig | None:
        """The table of multipliers and offsets; none where all beats use the same."""
        words = self.pack(np.array(self.multiplier), np.array(self.offset))
        if not self.reloadable and len(set(words)) == 1:
            return None
        style: MemoryStyle = "block" if self.beats > self.distributed_rows else "distributed"
        latency = 2 if style == "block" else 1
        return MemoryConfig(
            self.name, self.beats, self.row_width, words, style, self.reloadable, latency
        )

    def compute(self, values: np.ndarray) -> np.ndarray:
        """Outputs (int64) of frames of shape ``(frames, elements)``, channel fastest."""
        values = np.asarray(values, dtype=np.int64)
        by_channel = values.reshape(-1, self.channels)
        sums = by_channel * np.array(self.multiplier) + np.array(self.offset)
        rounded = self.rounding.shift_right(sums, self.shift)
        clipped = np.clip(rounded, self.output_range.low, self.output_range.high)
        return clipped.reshape(values.shape)

    @property
    def read_latency(self) -> int:
        return self.memory.read_latency if self.memory else 0

    @property
    def pipeline_latency(self) -> int:
        """Read, multiply, add, round and clip."""
        return self.read_latency + self.multiply.latency + 1 + self.end.latency

    def timing(self) -> Timing:
        return self._queue.timing()

    @property
    def _queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(self.output_range, self.count), self.pipeline_latency)

    def cost(self, device: Device) -> Cost:
        """Estimate: table, multipliers, an adder, a rounder and a clipper for each lane, queue."""
        # Nothing reads what is cut off, unless it decides about ties.
        sums = self.count * self.sum_range.width
        dropped = 0 if self.end.breaks_ties else self.count * self.shift
        added = sums - self.count * self.multiply.product_zeros
        lane = self.multiply.cost(device) + self.end.cost(device)
        lane += delay_cost(device, self.input_range.width, self.read_latency)
        own = logic(device, "requantize", ff=sums - dropped, sum_bits=added, each=1)
        total = lane * self.count + own + self._queue.cost(device)
        if not self.memory and not self.multiply.is_shift and self.multiply.fixed is None:
            # Each lane's own constant is no register.
            total += Cost(ff=-self.count * self.multiply.multiplier_range.width)
        if self.memory:
            # Bits of the offsets that are neither constant nor another's copy wait for the product,
            # in one chain with the register that they are read into; but a row that stands alone
            # under the highest address bit becomes that register's reset. What a product that is
            # only shifted cannot carry out of is not read at all.
            share = self.memory.different_columns / self.memory.width
            offsets = round(share * self.count * self.stored_range.width)
            if self.multiply.is_shift and not self.end.breaks_ties:
                unread = min(self.multiply.product_zeros, self.shift, self.stored_range.width)
                total += Cost(ff=-self.count * unread * self.read_latency)
                offsets = max(offsets - self.count * unread, 0)
            is_alone = self.beats > 2 and (self.beats - 1).bit_count() == 1
            total += self.memory.cost(device) + Cost(ff=-offsets * (not is_alone))
            total += delay_cost(device, offsets, (not is_alone) + self.multiply.latency)
        if self.end.breaks_ties and self.end.clips:
            # Low bits, which no comparison reads, are copied from the sum on.
            copied = self.count * max(self.output_range.width - 2, 0)
            total += Cost(ff=-3 * copied) + delay_cost(device, copied, 3)
        control = flags_cost(device, self.pipeline_latency) + loops_cost(device, self.beats)
        return total + control

    def create(self) -> Requantize:
        return Requantize(self)


class Requantize(ChannelPart):
    """The pipeline.

    Attributes
    ----------
    i : stream of beats of ``input_range``, in
    o : stream of beats of ``output_range``, out
    load : in, see `load_signature`; only when reloadable
    """

    def __init__(self, config: RequantizeConfig) -> None:
        self.config = config
        rows = (config.row_count, config.row_width)
        load = load_signature(*rows) if config.reloadable else None
        super().__init__(config.count, config.input_range, config.output_range, load)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        queue = config._queue.create()
        beat, is_last_beat = open_pipeline(m, config, self, queue)
        outputs: list[Value] = []
        for lane, (multiplier, offset) in enumerate(self._scales(m, beat)):
            value = delay(m, self.i.payload.data[lane], config.read_latency)
            product = config.multiply.build(m, value, multiplier)
            total = Signal(shape_of(config.sum_range), name=f"sum{lane}", reset_less=True)
            m.d.sync += total.eq(product + delay(m, offset, config.multiply.latency))
            outputs.append(config.end.build(m, total, lane))
        close_pipeline(m, config, queue, outputs, is_last_beat)
        return m

    def _scales(self, m: Module, beat: Value) -> list[tuple[Value, Value]]:
        """Multiplier and stored offset of each lane, ``read_latency`` after ``beat``."""
        config = self.config
        assert config.multiplier_range is not None
        shapes = shape_of(config.multiplier_range), shape_of(config.stored_range)
        if config.memory is None:
            channels = config.channel_of_lanes()[0]
            multipliers, offsets = np.array(config.multiplier), np.array(config.offset)
            return [
                (
                    Const(int(multipliers[channel]), shapes[0]),
                    Const(int(offsets[channel]) + config.half, shapes[1]),
                )
                for channel in channels
            ]
        m.submodules.scales = memory = config.memory.create()
        m.d.comb += memory.address.eq(beat)
        if config.reloadable:
            wiring.connect(m, wiring.flipped(self.load), memory.load)
        scales, at = [], 0
        for lane in range(config.count):
            pair = []
            for name, shape in zip(("multiplier", "offset"), shapes):
                part = Signal(shape, name=f"{name}{lane}")
                m.d.comb += part.eq(memory.data[at : at + shape.width])
                pair.append(part)
                at += shape.width
            scales.append(tuple(pair))
        return scales
