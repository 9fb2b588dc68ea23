"""Sliding windows over a stream of images: a slice of all taps a cycle, padded on the way.

Pixels come in raster order, each as a vector of channels in beats of ``count``; each position of
the window leaves as one vector: for each beat of channels all taps, row by row. The memory is
split into banks, rows going round over as many as the window spans and columns over as many as
keep any two taps apart, so that all taps are read in the same cycle, whatever the stride, dilation
or folding; two levels of multiplexers turn banks into taps, and taps in the padding become the
padding value. Reader and writer are kept apart by two counters of beats (`window_schedule`).

Latency from a step to its beat: that of the memory and four. One beat a cycle in and one out, no
bubbles between rows or frames: a frame takes as many cycles as it has beats of ``i`` or of ``o``,
whichever are more. The parts behind see a vector of ``outputs`` elements for each position, with
zeros for channels that the last beat of a pixel does not have; a gearbox behind it folds further.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing, WindowAxis
from .base.cost_table import logic
from .beat import beat_count, beat_layout, beat_signature, shape_of
from .credit import CreditQueueConfig, delay, delay_cost, flags_cost
from .loop import Loop, loops_cost
from .memory import MemoryConfig, MemoryStyle
from .window_reader import WindowReader
from .window_schedule import WindowSchedule

__all__ = ["SlidingWindow", "SlidingWindowConfig"]

RELEASE_LATENCY = 2
"""From a step to the first cycle in which what it read may be overwritten."""


@dataclass(frozen=True)
class SlidingWindowConfig:
    """Windows over images of ``rows`` by ``columns`` pixels of ``channels``.

    Parameters
    ----------
    rows, columns : :class:`WindowAxis`
        Sizes of image and window.
    channels : :class:`int`
        Elements of a pixel.
    input_range : :class:`IntegerRange`
        Of an element.
    count : :class:`int`
        Channels of a beat.
    pad_value : :class:`int`
        What taps in the padding give.
    name : :class:`str`
        Names the memories.
    style : ``"block"`` or ``"distributed"``
        Their kind.

    Raises
    ------
    ValueError
        If a number is not positive.
    """

    rows: WindowAxis
    columns: WindowAxis
    channels: int
    input_range: IntegerRange
    count: int
    pad_value: int = 0
    name: str = "window"
    style: MemoryStyle = "distributed"

    def __post_init__(self) -> None:
        for subject in ("channels", "count"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")

    @property
    def inputs(self) -> int:
        return self.channels

    @property
    def input_count(self) -> int:
        return self.count

    @property
    def beats(self) -> int:
        """Beats of a pixel, and of a window."""
        return beat_count(self.channels, self.count)

    @property
    def taps(self) -> int:
        return self.rows.kernel * self.columns.kernel

    @property
    def output_count(self) -> int:
        return self.taps * self.count

    @property
    def outputs(self) -> int:
        """Elements of a window, those of missing channels counted."""
        return self.beats * self.output_count

    @property
    def pads(self) -> bool:
        return any(axis.before or axis.after for axis in (self.rows, self.columns))

    @property
    def output_range(self) -> IntegerRange:
        values = self.input_range
        if self.pads:
            values = values.union(IntegerRange(self.pad_value, self.pad_value))
        return values if self.channels % self.count == 0 else values.with_zero()

    @cached_property
    def schedule(self) -> WindowSchedule:
        return WindowSchedule(self.rows, self.columns, self.beats)

    @property
    def bank_depth(self) -> int:
        """Beats in one of the memories."""
        return beat_count(self.columns.size, self.columns.banks) * self.beats

    def memory(self, row: int, column: int) -> MemoryConfig:
        """The memory of one bank."""
        return MemoryConfig(
            f"{self.name}_row{row}_column{column}",
            self.bank_depth,
            self.count * self.input_range.width,
            None,
            self.style,
            reloadable=True,
            read_latency=2 if self.style == "block" else 1,
        )

    @property
    def read_latency(self) -> int:
        """From a step to the read words: the address's register, then the memory."""
        return 1 + self.memory(0, 0).read_latency

    @property
    def queue(self) -> CreditQueueConfig:
        """Behind the registers of both multiplexers."""
        layout = beat_layout(self.output_range, self.output_count)
        return CreditQueueConfig(layout, self.read_latency + 2, is_wide=True)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Vectors of windows, int64 ``(images * positions, outputs)``, of vectors of pixels,
        ``(images * pixels, channels)``."""
        rows, columns = self.rows, self.columns
        pixels = np.asarray(frames, dtype=np.int64).reshape(
            -1, rows.size, columns.size, self.channels
        )
        absent = self.beats * self.count - self.channels
        padded = np.pad(
            pixels,
            ((0, 0), (rows.before, rows.after), (columns.before, columns.after), (0, 0)),
            constant_values=self.pad_value,
        )
        padded = np.pad(padded, ((0, 0), (0, 0), (0, 0), (0, absent)))
        windows = np.stack(
            [
                padded[
                    :,
                    row * rows.dilation :: rows.stride,
                    column * columns.dilation :: columns.stride,
                ][:, : rows.outputs, : columns.outputs]
                for row in range(rows.kernel)
                for column in range(columns.kernel)
            ],
            axis=3,
        )
        split = windows.reshape(*windows.shape[:4], self.beats, self.count)
        return np.moveaxis(split, 4, 3).reshape(-1, self.outputs)

    def timing(self) -> Timing:
        store = Process("store", (Step(take=("i", "room"), give=(("stored", 1),)),))
        latency = self.queue.latency + 1
        walk = Process("walk", self.schedule.steps(latency, RELEASE_LATENCY))
        tokens = {"room": self.schedule.capacity, "places": self.queue.places}
        return Timing(("i",), ("o",), (store, walk), tokens, {"o": "places"})

    def cost(self, device: Device) -> Cost:
        """Estimate: the memories, a multiplexer of banks of columns and one of banks of rows with a
        register behind each, padding, loops and counters, the queue."""
        bits = self.count * self.input_range.width
        row_banks, column_banks = self.schedule.row_banks, self.columns.banks
        banks = row_banks * column_banks
        first = row_banks * self.columns.kernel * bits
        second = self.taps * bits
        address = self.memory(0, 0).address_width
        room = self.schedule.capacity.bit_length()
        loops = (self.beats, self.columns.outputs, self.rows.outputs)
        stores = (self.beats, self.columns.size, row_banks)
        latency = self.read_latency
        flags = self.rows.kernel + self.columns.kernel
        waiting = delay_cost(device, (column_banks - 1).bit_length(), latency)
        waiting += delay_cost(device, (row_banks - 1).bit_length(), latency + 1)
        waiting += delay_cost(device, flags * self.pads, latency + 1)
        waiting += flags_cost(device, self.queue.latency)
        if banks == 1 and not self.pads:
            # Without a multiplexer the memory's register and the two behind it are one chain.
            waiting += Cost(ff=-3 * bits) + delay_cost(device, bits, 3)
        return (
            self.memory(0, 0).cost(device) * banks
            + self.queue.cost(device)
            + loops_cost(device, *loops, *stores)
            + waiting
            + logic(
                device,
                "sliding_window",
                ff=first + second + (column_banks + 2) * address + 2 * room,
                column_bits=first * (column_banks - 1),
                row_bits=second * (row_banks - 1),
                choices=first * (column_banks > 1) + second * (row_banks > 1),
                padded_bits=second * self.pads,
                banks=banks,
                address_bits=(column_banks + 2) * address,
                room_bits=room,
                position_bits=sum(limit.bit_length() for limit in loops),
                each=1,
            )
        )

    def create(self) -> SlidingWindow:
        return SlidingWindow(self)


class SlidingWindow(wiring.Component):
    """The part.

    Attributes
    ----------
    i : stream of beats of ``count`` channels, in
    o : stream of beats of ``output_count`` elements, out
        ``last`` with the last beat of a position.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: SlidingWindowConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(config.input_range, config.count)),
                "o": Out(beat_signature(config.output_range, config.output_count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        store = Signal()
        reader = WindowReader(m, config, store, queue.available)
        self._room(m, store, reader)
        words = self._memories(m, store, reader)
        m.d.comb += [
            queue.take.eq(reader.step),
            queue.push.eq(delay(m, reader.step, config.queue.latency, reset_less=False)),
        ]
        self._taps(m, reader, words, queue.result)
        return m

    def _room(self, m: Module, store: Signal, reader: WindowReader) -> None:
        """Free beats less one, whose sign says whether there is any."""
        schedule = self.config.schedule
        room = Signal(range(-1, schedule.most_room), init=schedule.capacity - 1)
        released = Signal(range(max(*schedule.row_gives, *schedule.column_gives) + 1))
        m.d.comb += [self.i.ready.eq(~room[-1]), store.eq(self.i.valid & self.i.ready)]
        m.d.sync += [
            released.eq(Mux(reader.step, reader.gives, 0)),
            room.eq(room + released - store),
        ]

    def _memories(self, m: Module, store: Signal, reader: WindowReader) -> list[list[Value]]:
        """Writes beats as they come; the words read, by bank of rows and of columns."""
        config = self.config
        banks = config.columns.banks
        beat = Loop(m, config.beats, store, "store_beat")
        column = Loop(m, config.columns.size, store & beat.is_last, "store_column")
        row_ends = store & beat.is_last & column.is_last
        row = Loop(m, config.schedule.row_banks, row_ends, "store_row")
        bank = Signal(range(max(banks, 2)))
        base = Signal(reader.addresses[0].shape())
        with m.If(store & beat.is_last):
            turns = bank == banks - 1
            m.d.sync += [
                bank.eq(Mux(turns | column.is_last, 0, bank + 1)),
                base.eq(Mux(column.is_last, 0, base + Mux(turns, config.beats, 0))),
            ]
        words: list[list[Value]] = []
        for row_bank in range(config.schedule.row_banks):
            words.append([])
            for column_bank in range(banks):
                memory = config.memory(row_bank, column_bank).create()
                m.submodules[f"row{row_bank}_column{column_bank}"] = memory
                here = store & (row.value == row_bank) & (bank == column_bank)
                m.d.comb += [
                    memory.load.enable.eq(here),
                    memory.load.address.eq(base + beat.value),
                    memory.load.data.eq(Value.cast(self.i.payload.data)),
                    memory.address.eq(reader.addresses[column_bank]),
                ]
                words[-1].append(memory.data)
        return words

    def _taps(
        self, m: Module, reader: WindowReader, words: list[list[Value]], result: wiring.Signature
    ) -> None:
        """From banks to taps: columns, then rows, then padding."""
        config = self.config
        rows, columns = config.rows, config.columns
        latency = config.read_latency
        bank = delay(m, reader.column_bank, latency)
        across = [
            [
                _registered(m, _nth(row, bank, tap * columns.dilation))
                for tap in range(columns.kernel)
            ]
            for row in words
        ]
        bank = delay(m, reader.row_bank, latency + 1)
        rows_inside = delay(m, reader.rows_inside, latency + 1)
        columns_inside = delay(m, reader.columns_inside, latency + 1)
        ends = delay(m, reader.ends, latency + 1)
        shape, width = shape_of(config.input_range), config.input_range.width
        present = config.channels - (config.beats - 1) * config.count
        taken = []
        for row in range(rows.kernel):
            for column in range(columns.kernel):
                word = _nth([banks[column] for banks in across], bank, row * rows.dilation)
                inside = rows_inside[row] & columns_inside[column]
                for lane in range(config.count):
                    element = word[lane * width : (lane + 1) * width]
                    element = element.as_signed() if shape.signed else element
                    padding: Value = Const(config.pad_value, shape_of(config.output_range))
                    if lane >= present:
                        padding = Mux(ends, 0, config.pad_value)
                    taken.append(Mux(inside, element, padding) if config.pads else element)
        for place, element in enumerate(taken):
            register = Signal(shape_of(config.output_range), name=f"tap{place}", reset_less=True)
            m.d.sync += register.eq(element)
            m.d.comb += result.data[place].eq(register)
        m.d.comb += result.last.eq(delay(m, ends, 1))


def _registered(m: Module, value: Value) -> Signal:
    register = Signal(value.shape(), reset_less=True)
    m.d.sync += register.eq(value)
    return register


def _nth(words: list[Value], first: Value, offset: int) -> Value:
    """The word of bank ``(first + offset) % banks``."""
    if len(words) == 1:
        return words[0]
    turned = [words[(number + offset) % len(words)] for number in range(len(words))]
    return Array(turned)[first]
