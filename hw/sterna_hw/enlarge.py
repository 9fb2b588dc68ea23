"""Larger images: each pixel repeated, or its channels laid out as pixels (pixel shuffle).

A row of pixels becomes several rows of the larger image, so it is kept while it is read that many
times: two rows of memory, one being read and one being filled. Repeating gives all of a pixel's
beats for each pixel that it becomes; shuffling gives each of them the next part of its channels, so
that every beat leaves once. Two counters of pixels tie the writer to the reader: a pixel may be
read when it is whole, and its place is free when the last row that shows it has passed it. Where
only columns are repeated, four pixels are enough memory.

Latency from a step to its beat: that of the memory and two. One beat a cycle in and one out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_layout, beat_signature
from .credit import CreditQueueConfig, delay, flags_cost
from .loop import Loop, loops_cost
from .memory import Memory, MemoryConfig, MemoryStyle
from .packed_products import takes_multiplier

__all__ = ["Enlarge", "EnlargeConfig", "EnlargeKind"]

EnlargeKind = Literal["repeat", "shuffle"]

RELEASE_LATENCY = 2
"""From a step to the first cycle in which what it read may be overwritten."""


@dataclass(frozen=True)
class EnlargeConfig:
    """Images of ``rows`` by ``columns`` pixels of ``channels``, ``down`` and ``across`` times as
    large.

    Parameters
    ----------
    rows, columns, channels : :class:`int`
        Of the image that comes in.
    down, across : :class:`int`
        Rows and columns that one becomes.
    input_range : :class:`IntegerRange`
        Of an element.
    count : :class:`int`
        Channels of a beat; divides those of the larger image.
    kind : ``"repeat"`` or ``"shuffle"``
        Whether pixels are repeated or their channels laid out, ``down * across`` parts in raster
        order.
    name : :class:`str`
        Names the memory.
    style : ``"block"`` or ``"distributed"``
        Its kind.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    rows: int
    columns: int
    channels: int
    down: int
    across: int
    input_range: IntegerRange
    count: int
    kind: EnlargeKind = "repeat"
    name: str = "enlarge"
    style: MemoryStyle = "distributed"

    def __post_init__(self) -> None:
        for subject in ("rows", "columns", "channels", "down", "across", "count"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        if self.kind not in ("repeat", "shuffle"):
            raise ValueError(f"Kind of enlarging must be repeat or shuffle, not {self.kind!r}")
        if self.channels % self.parts:
            raise ValueError(
                f"Channels must be a multiple of {self.parts} to be shuffled, not {self.channels}"
            )
        if self.outputs % self.count:
            raise ValueError(f"Count must divide {self.outputs} channels, not be {self.count}")

    @property
    def parts(self) -> int:
        """Into how many pixels the channels of one are laid out."""
        return self.down * self.across if self.kind == "shuffle" else 1

    @property
    def inputs(self) -> int:
        return self.channels

    @property
    def outputs(self) -> int:
        return self.channels // self.parts

    @property
    def input_count(self) -> int:
        return self.count

    @property
    def output_count(self) -> int:
        return self.count

    @property
    def output_range(self) -> IntegerRange:
        return self.input_range

    @property
    def beats(self) -> int:
        """Beats of a pixel that comes in."""
        return self.channels // self.count

    @property
    def output_beats(self) -> int:
        return self.outputs // self.count

    @property
    def capacity(self) -> int:
        """Pixels that the memory holds."""
        return 2 * self.columns if self.down > 1 else 4

    @property
    def memory(self) -> MemoryConfig:
        return MemoryConfig(
            self.name,
            self.capacity * self.beats,
            self.count * self.input_range.width,
            None,
            self.style,
            reloadable=True,
            read_latency=2 if self.style == "block" else 1,
        )

    @property
    def queue(self) -> CreditQueueConfig:
        layout = beat_layout(self.output_range, self.count)
        return CreditQueueConfig(layout, 1 + self.memory.read_latency, is_wide=True)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Vectors of the larger images' pixels of vectors of pixels, int64."""
        image = np.asarray(frames, dtype=np.int64).reshape(
            -1, self.rows, 1, self.columns, 1, self.channels
        )
        if self.kind == "repeat":
            shape = (len(image), self.rows, self.down, self.columns, self.across, self.channels)
            return np.broadcast_to(image, shape).reshape(-1, self.outputs)
        shape = (len(image), self.rows, self.columns, self.down, self.across, self.outputs)
        return image.reshape(shape).transpose(0, 1, 3, 2, 4, 5).reshape(-1, self.outputs)

    def timing(self) -> Timing:
        first = Step(take=("i", "room"), give=(("stored", 1),) * (self.beats == 1))
        store = [first]
        if self.beats > 2:
            store.append(Step(take=("i",), repeat=self.beats - 2))
        if self.beats > 1:
            store.append(Step(take=("i",), give=(("stored", 1),)))
        steps = self.across * self.output_beats
        row = [
            ((row == 0 and step == 0), (row == self.down - 1 and step == steps - 1))
            for row in range(self.down)
            for _ in range(self.columns)
            for step in range(steps)
        ]
        latency = self.queue.latency + 1
        walk = tuple(
            Step(
                take=("stored",) * takes + ("places",),
                give=(("room", RELEASE_LATENCY),) * gives + (("o", latency),),
                repeat=len(list(run)),
            )
            for (takes, gives), run in groupby(row)
        )
        processes = (Process("store", tuple(store)), Process("walk", walk))
        tokens = {"room": self.capacity, "places": self.queue.places}
        return Timing(("i",), ("o",), processes, tokens, {"o": "places"})

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, addresses and counters, the queue."""
        address, capacity = self.memory.address_width, self.capacity.bit_length()
        loops = (self.output_beats, self.across, self.down, self.beats)
        # Addresses of pixels are multiples of their beats.
        low = self.beats & -self.beats
        base = ((self.capacity - 1) * self.beats // low).bit_length()
        latency = self.queue.latency
        return (
            self.memory.cost(device)
            + self.queue.cost(device)
            + loops_cost(device, self.columns, self.memory.depth, firsts=loops)
            + flags_cost(device, latency)
            + logic(
                device,
                "enlarge",
                ff=address + (1 + (self.down > 1)) * base + 2 * capacity + 1,
                address_bits=address,
                row_bits=base * (self.down > 1),
                shuffled_bits=address * (self.kind == "shuffle"),
                capacity_bits=capacity,
                each=1,
            )
            + Cost(dsp=self._multipliers(device))
        )

    def _multipliers(self, device: Device) -> int:
        """Multiplier blocks that synthesis makes of the address of a shuffled pixel."""
        if self.kind == "repeat":
            return 0
        products = (self.across, self.output_beats), (self.down, self.across * self.output_beats)
        return sum(
            factor.bit_count() > 1
            and takes_multiplier(
                device,
                (limit - 1).bit_length(),
                factor.bit_length(),
                (limit - 1).bit_length() + factor.bit_length(),
            )
            for limit, factor in products
        )

    def create(self) -> Enlarge:
        return Enlarge(self)


class Enlarge(wiring.Component):
    """The part: streams ``i`` and ``o`` of beats of ``count`` elements; ``last`` ends a pixel."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: EnlargeConfig) -> None:
        self.config = config
        signature = beat_signature(config.input_range, config.count)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        m.submodules.memory = memory = config.memory.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)

        step = Signal()
        beat = Loop(m, config.output_beats, step, "beat")
        across = Loop(m, config.across, step & beat.is_last, "across")
        pixel_ends = Signal()
        column = Loop(m, config.columns, pixel_ends, "column")
        row_ends = Signal()
        down = Loop(m, config.down, row_ends, "down")
        begins, released = Signal(), Signal()
        m.d.comb += [
            pixel_ends.eq(step & beat.is_last & across.is_last),
            row_ends.eq(pixel_ends & column.is_last),
            begins.eq(down.is_first & across.is_first & beat.is_first),
        ]
        m.d.sync += released.eq(pixel_ends & down.is_last)
        stored = self._store(m, memory, released)

        # Whole pixels that have not been begun, less one: the sign says that there is none.
        ahead = Signal(range(-1, max(config.capacity, 2)), init=-1)
        m.d.sync += ahead.eq(ahead + stored - (step & begins))
        m.d.comb += step.eq(queue.available & ~(begins & ahead[-1]))

        base = self._base(m, pixel_ends, row_ends, down)
        place: Value = base + beat.value
        if config.kind == "shuffle":
            place = place + across.value * config.output_beats
            place = place + down.value * (config.across * config.output_beats)
        address = Signal(len(memory.address), reset_less=True)
        m.d.sync += address.eq(place)
        latency = config.queue.latency
        m.d.comb += [
            memory.address.eq(address),
            queue.take.eq(step),
            queue.push.eq(delay(m, step, latency, reset_less=False)),
            queue.result.data.as_value().eq(memory.data),
            queue.result.last.eq(delay(m, beat.is_last, latency)),
        ]
        return m

    def _store(self, m: Module, memory: Memory, released: Value) -> Value:
        """Writes beats as they come while there is room; whether a pixel is whole with this one."""
        config = self.config
        room = Signal(range(-1, config.capacity), init=config.capacity - 1)
        store = Signal()
        beat = Loop(m, config.beats, store, "store_beat")
        address = Loop(m, config.memory.depth, store, "store_address")
        m.d.comb += [
            self.i.ready.eq(~(beat.is_first & room[-1])),
            store.eq(self.i.valid & self.i.ready),
            memory.load.enable.eq(store),
            memory.load.address.eq(address.value),
            memory.load.data.eq(self.i.payload.data.as_value()),
        ]
        m.d.sync += room.eq(room + released - (store & beat.is_first))
        return store & beat.is_last

    def _base(self, m: Module, pixel_ends: Value, row_ends: Value, down: Loop) -> Signal:
        """The address of the pixel that is being read: back to the row's first one for each row
        that it becomes."""
        config = self.config
        last = (config.capacity - 1) * config.beats
        base, row = Signal(range(last + 1)), Signal(range(last + 1))
        following = Signal(range(last + 1))
        m.d.comb += following.eq(Mux(base == last, 0, base + config.beats))
        with m.If(pixel_ends):
            m.d.sync += base.eq(following)
        with m.If(row_ends):
            with m.If(down.is_last):
                m.d.sync += row.eq(following)
            with m.Else():
                m.d.sync += base.eq(row)
        return base
