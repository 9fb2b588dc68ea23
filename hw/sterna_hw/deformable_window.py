"""Deformable windows over a stream of images: each tap looks where its own offset says.

Beside the pixels comes, for each position of the window, one beat of offsets: how many rows and
columns each tap lies away from its usual place, whole numbers of at most ``bound`` in size. So a
tap may look at any pixel of a band of rows, in any column; the band lies in a memory that goes
round, and every tap has a copy of its own, which reads wherever it likes in every cycle. Taps
outside the image give the padding value. Bounded whole offsets are what makes a deformable
convolution fit a stream (Dong et al., CoDeNet, arXiv 2006.08357). The products are those of any
window: a matrix engine behind it takes these vectors like `SlidingWindow`'s.

Latency from a step to its beat: that of the memory and five. One beat a cycle out, without bubbles
between rows as long as no more beats come in than go out: rows are handed over as wholes, and
there is room for the next two steps of the window. A frame begins when the last one has left
enough of the band. It makes no offsets, and none that lie between pixels: rounding is the business
of a quantiser in front of it. Importers and planner do not use it yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing, WindowAxis
from .beat import beat_count, beat_layout, beat_signature, shape_of
from .credit import CreditQueueConfig, delay
from .deformable_reader import ADDRESS_LATENCY, RELEASE_LATENCY, Band, DeformableReader
from .loop import Loop
from .memory import MemoryConfig, MemoryStyle
from .stage import PortShape

__all__ = ["DeformableWindow", "DeformableWindowConfig"]


@dataclass(frozen=True)
class DeformableWindowConfig:
    """Windows whose taps lie up to ``bound`` rows and columns away from their places.

    Parameters
    ----------
    rows, columns : :class:`WindowAxis`
        Sizes of image and window, as if nothing were deformed.
    channels : :class:`int`
        Elements of a pixel.
    input_range : :class:`IntegerRange`
        Of an element.
    count : :class:`int`
        Channels of a beat.
    bound : :class:`int`
        Largest size of an offset, in pixels.
    pad_value : :class:`int`
        What taps outside the image give.
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
    bound: int
    pad_value: int = 0
    name: str = "deformable"
    style: MemoryStyle = "block"

    def __post_init__(self) -> None:
        for subject in ("channels", "count", "bound"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")

    @property
    def beats(self) -> int:
        """Beats of a pixel, and of a window."""
        return beat_count(self.channels, self.count)

    @property
    def taps(self) -> int:
        return self.rows.kernel * self.columns.kernel

    @property
    def offset_range(self) -> IntegerRange:
        """Of an offset; hardware reads some other pixel for one beyond it."""
        return IntegerRange(-self.bound, self.bound)

    @property
    def output_range(self) -> IntegerRange:
        values = self.input_range.union(IntegerRange(self.pad_value, self.pad_value))
        return values if self.channels % self.count == 0 else values.with_zero()

    @property
    def outputs(self) -> int:
        """Elements of a window, those of missing channels counted."""
        return self.beats * self.taps * self.count

    @property
    def port_shapes(self) -> Mapping[str, PortShape]:
        offsets = 2 * self.taps
        return {
            "i": PortShape(self.channels, self.input_range, self.count),
            "offsets": PortShape(offsets, self.offset_range, offsets),
            "o": PortShape(self.outputs, self.output_range, self.taps * self.count),
        }

    @cached_property
    def band(self) -> Band:
        return Band(self.rows, self.bound)

    @property
    def row_beats(self) -> int:
        return self.columns.size * self.beats

    def memory(self, tap: int) -> MemoryConfig:
        """The copy of the band that one tap reads."""
        return MemoryConfig(
            f"{self.name}_tap{tap}",
            self.band.size * self.row_beats,
            self.count * self.input_range.width,
            None,
            self.style,
            reloadable=True,
            read_latency=2 if self.style == "block" else 1,
        )

    @property
    def queue(self) -> CreditQueueConfig:
        layout = beat_layout(self.output_range, self.taps * self.count)
        latency = ADDRESS_LATENCY + self.memory(0).read_latency + 1
        return CreditQueueConfig(layout, latency, is_wide=True)

    def compute(self, frames: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Vectors of windows, int64 ``(images * positions, outputs)``, channels of a beat fastest,
        then taps, then beats.

        Shapes: pixels ``(images * pixels, channels)``; offsets ``(images * positions, 2 * taps)``,
        for each tap its rows and its columns.
        """
        rows, columns = self.rows, self.columns
        images = np.asarray(frames, dtype=np.int64).reshape(
            -1, rows.size, columns.size, self.channels
        )
        moved = np.asarray(offsets, dtype=np.int64).reshape(
            len(images), rows.outputs, columns.outputs, rows.kernel, columns.kernel, 2
        )

        def places(axis: WindowAxis) -> np.ndarray:
            first = np.arange(axis.outputs) * axis.stride - axis.before
            return first[:, None] + np.arange(axis.kernel) * axis.dilation

        y = places(rows)[:, None, :, None] + moved[..., 0]
        x = places(columns)[None, :, None, :] + moved[..., 1]
        inside = (y >= 0) & (y < rows.size) & (x >= 0) & (x < columns.size)
        number = np.arange(len(images)).reshape(-1, 1, 1, 1, 1)
        picked = images[number, y.clip(0, rows.size - 1), x.clip(0, columns.size - 1)]
        picked = np.where(inside[..., None], picked, self.pad_value)
        absent = self.beats * self.count - self.channels
        picked = np.pad(picked, ((0, 0),) * 5 + ((0, absent),))
        split = picked.reshape(-1, self.taps, self.beats, self.count)
        return split.transpose(0, 2, 1, 3).reshape(-1, self.outputs)

    def timing(self) -> Timing:
        # Beats of a row by what they do: take a free row, and hand over a whole one.
        beats = [(beat == 0, beat == self.row_beats - 1) for beat in range(self.row_beats)]
        store = tuple(
            Step(
                take=("i",) + ("room",) * begins,
                give=(("stored", 1),) * ends,
                repeat=len(list(run)),
            )
            for (begins, ends), run in groupby(beats)
        )
        plain = [(0, beat == self.beats - 1, 0) for beat in range(self.beats)]
        walk: list[Step] = []
        for takes, gives in zip(self.band.takes, self.band.gives):
            steps = plain * self.columns.outputs
            steps[0] = (takes, *steps[0][1:])
            steps[-1] = (*steps[-1][:2], gives)
            walk += [self._step(*step, len(list(run))) for step, run in groupby(steps)]
        processes = (Process("store", store), Process("walk", tuple(walk)))
        tokens = {"room": self.band.size, "places": self.queue.places}
        return Timing(("i", "offsets"), ("o",), processes, tokens, {"o": "places"})

    def _step(self, takes: int, ends: bool, gives: int, repeat: int) -> Step:
        return Step(
            peek=("offsets",) * (not ends),
            take=("stored",) * takes + ("places",) + ("offsets",) * ends,
            give=(("o", self.queue.latency + 1),) + (("room", RELEASE_LATENCY),) * gives,
            repeat=repeat,
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: a memory, three sums, comparisons and a multiplexer for each tap; counters and
        the queue."""
        memory, bits = self.memory(0), self.count * self.input_range.width
        address = memory.address_width
        # Checked against Yosys 0.70: sums and comparisons share look-up tables of six inputs.
        logic = (4 if device.family == "ecp5" else 2) * address + bits
        tap = memory.cost(device) + Cost(lut=logic, ff=4 * address + bits)
        return tap * self.taps + self.queue.cost(device) + Cost(lut=6 * address, ff=6 * address)

    def create(self) -> DeformableWindow:
        return DeformableWindow(self)


class DeformableWindow(wiring.Component):
    """The part.

    Attributes
    ----------
    i : stream of beats of ``count`` channels, in
    offsets : stream of beats of ``2 * taps`` elements, in
        A beat for each position: for each tap its rows and its columns.
    o : stream of beats of ``taps * count`` elements, out
        ``last`` with the last beat of a position.
    """

    i: stream.Interface
    offsets: stream.Interface
    o: stream.Interface

    def __init__(self, config: DeformableWindowConfig) -> None:
        self.config = config
        ports = {
            port: beat_signature(shape.values, shape.count)
            for port, shape in config.port_shapes.items()
        }
        super().__init__({port: (Out if port == "o" else In)(ports[port]) for port in ports})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        store, stored = Signal(), Signal()
        may_read = self.offsets.valid & queue.available
        reader = DeformableReader(m, config, stored, may_read, self.offsets.payload.data)
        latency = config.queue.latency
        ends = delay(m, reader.ends, latency - 1)
        m.d.comb += [
            self.offsets.ready.eq(reader.step & reader.ends),
            queue.take.eq(reader.step),
            queue.push.eq(delay(m, reader.step, latency, reset_less=False)),
            queue.result.last.eq(delay(m, ends, 1)),
        ]
        store_address = self._store(m, store, stored, reader.gives)
        read_latency = config.memory(0).read_latency
        for tap, (address, inside) in enumerate(zip(reader.addresses, reader.inside)):
            memory = config.memory(tap).create()
            m.submodules[f"tap{tap}"] = memory
            m.d.comb += [
                memory.load.enable.eq(store),
                memory.load.address.eq(store_address),
                memory.load.data.eq(self.i.payload.data.as_value()),
                memory.address.eq(address),
            ]
            inside = delay(m, inside, read_latency)
            for lane, element in enumerate(self._elements(memory.data, inside, ends)):
                shape = shape_of(config.output_range)
                register = Signal(shape, name=f"tap{tap}_{lane}", reset_less=True)
                m.d.sync += register.eq(element)
                m.d.comb += queue.result.data[tap * config.count + lane].eq(register)
        return m

    def _store(self, m: Module, store: Signal, stored: Signal, released: Value) -> Value:
        """Takes beats while there is room for a row: whether one is stored, whether a row is whole
        with it, and where it goes."""
        config = self.config
        beat = Loop(m, config.row_beats, store, "store_beat")
        address = Loop(m, config.memory(0).depth, store, "store_address")
        room = Signal(range(-1, config.band.size), init=config.band.size - 1)
        m.d.sync += room.eq(room + released - (store & beat.is_first))
        m.d.comb += [
            self.i.ready.eq(~(beat.is_first & room[-1])),
            store.eq(self.i.valid & self.i.ready),
            stored.eq(store & beat.is_last),
        ]
        return address.value

    def _elements(self, word: Value, inside: Value, ends: Value) -> list[Value]:
        """The lanes of a word, or the padding; channels that a last beat does not have are zero."""
        config = self.config
        width, signed = config.input_range.width, shape_of(config.input_range).signed
        present = config.channels - (config.beats - 1) * config.count
        padding = Const(config.pad_value, shape_of(config.output_range))
        elements: list[Value] = []
        for lane in range(config.count):
            element = word[lane * width : (lane + 1) * width]
            outside = Mux(ends, 0, padding) if lane >= present else padding
            elements.append(Mux(inside, element.as_signed() if signed else element, outside))
        return elements
