"""Plays a layer's rows from external memory as an endless stream: for weights too large to keep.

It stands where a `weight_buffer` would and gives the same rows in the same order; they come over an
AXI4 read port of its own, from a region of an image that holds one pass, bit behind bit, row 0
first, low bits first, filled with zeros to whole words of 16 bytes; a short pass several times, so
that no transfer is short. The port reads ahead as far as its prefetch memory has room
(`memory_port.ReadGroup`), and a gearbox cuts the words into rows. So a consumer that takes fewer
bits a cycle than memory gives never waits, as long as the prefetch memory covers the latency; one
that takes more gets a word's bits a cycle.

After ``start`` the image's header is read and compared with what the design expects: only when it
is right does the stream begin, and goes on until reset; when it is wrong, ``wrong`` says so for a
cycle, and everything waits for the next ``start`` (`weight_reads`). Answers that report a failure
or break AXI4 set ``failed`` until reset; rows go on, so nothing hangs, but they are not to be
trusted. Nothing here knows which weights the rows stand for.

The first row is there some 25 cycles and twice the memory's latency after ``start``. `timing` is of
a stream that has begun, exact for a memory of fixed latency that is always ready.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .beat import beat_signature
from .gearbox import GearboxConfig
from .memory_port.axi4 import BEAT_BYTES, BEAT_WIDTH, read_signature
from .memory_port.read_group import ReadGroupConfig
from .weight_buffer import WeightBufferConfig
from .weight_reads import WeightReadsConfig

__all__ = [
    "ADDRESS_WIDTH",
    "MEMORY_LATENCY",
    "REGION_ALIGNMENT",
    "WeightStream",
    "WeightStreamConfig",
]

BURST_BEATS = 64
FIFO_WORDS = 512

LEAST_WORDS = BURST_BEATS
"""Of a region: shorter transfers would take longer to ask for than to move."""

ADDRESS_WIDTH = 40
"""Bits of an address in bytes."""

REGION_ALIGNMENT = BURST_BEATS * BEAT_BYTES
"""Regions of an image begin at multiples of so many bytes, so that their bursts are full."""

MEMORY_LATENCY = 40
"""Cycles from a read's address to its first beat that predictions assume."""


@dataclass(frozen=True)
class WeightStreamConfig:
    """A stream of ``row_count`` rows of ``count`` elements, over and over.

    Parameters
    ----------
    name, row_count, element_range, count, words
        As in `WeightBufferConfig`; without ``words`` the contents are not known here.
    offset : :class:`int`
        Where the region begins in the image: bytes, a positive multiple of `REGION_ALIGNMENT`.
    fifo_words : :class:`int`
        Words of 16 bytes that are read ahead at most, 64 or more.
    memory_latency : :class:`int`
        Of the memory that `timing` assumes.

    Raises
    ------
    ValueError
        If a field breaks one of these rules, the contents do not fit, or a pass has more words than
        a transfer can.
    """

    name: str
    row_count: int
    element_range: IntegerRange
    count: int
    words: Sequence[int] | None = field(default=None, repr=False)
    offset: int = REGION_ALIGNMENT
    fifo_words: int = FIFO_WORDS
    memory_latency: int = MEMORY_LATENCY

    def __post_init__(self) -> None:
        if self.words is not None:
            object.__setattr__(self, "words", tuple(map(int, self.words)))
        _ = self._buffer  # it checks the fields that it has, too
        if self.offset < REGION_ALIGNMENT or self.offset % REGION_ALIGNMENT:
            raise ValueError(
                f"Offset of {self.name} must be a positive multiple of {REGION_ALIGNMENT}, "
                f"not {self.offset!r}"
            )
        if self.memory_latency < 1:
            raise ValueError(f"Memory latency must be 1 or more, not {self.memory_latency!r}")
        if self.offset + self.region_bytes > 1 << ADDRESS_WIDTH or self.region_words >> 32:
            raise ValueError(
                f"Rows of {self.name} must fit an address of {ADDRESS_WIDTH} bits, "
                f"not take {self.region_bytes} bytes"
            )
        _ = self.reads

    @cached_property
    def _buffer(self) -> WeightBufferConfig:
        """A buffer with the same rows: the meaning of rows is told there."""
        fields = (self.name, self.row_count, self.element_range, self.count, self.words)
        return WeightBufferConfig(*fields, reloadable=self.words is None)

    @property
    def row_width(self) -> int:
        """Bits of a row."""
        return self._buffer.row_width

    @property
    def pass_words(self) -> int:
        """Words of 16 bytes in which one pass lies: no pass takes fewer cycles."""
        return -(-self.row_count * self.row_width // BEAT_WIDTH)

    @property
    def passes(self) -> int:
        """How often the region holds the pass."""
        return -(-LEAST_WORDS // self.pass_words)

    @property
    def region_words(self) -> int:
        """Words of a transfer."""
        return self.passes * self.pass_words

    @property
    def region_bytes(self) -> int:
        return self.region_words * BEAT_BYTES

    @property
    def reads(self) -> ReadGroupConfig:
        """The port with its prefetch memory."""
        return ReadGroupConfig(
            ports=1,
            address_width=ADDRESS_WIDTH,
            words_width=self.region_words.bit_length(),
            burst_beats=BURST_BEATS,
            fifo_words=self.fifo_words,
            commands=4,
            name=f"{self.name}_prefetch",
        )

    @property
    def asking(self) -> WeightReadsConfig:
        """What asks the port for words."""
        return WeightReadsConfig(self.offset, self.region_words, self.reads.splitter.command)

    @property
    def gearbox(self) -> GearboxConfig:
        """What cuts words into rows; its elements are the bits that always stay together."""
        width = self.row_width
        unit = math.gcd(width, BEAT_WIDTH)
        values = IntegerRange.of_width(unit, signed=False)
        return GearboxConfig(
            self.row_count * width // unit, values, BEAT_WIDTH // unit, width // unit
        )

    def pack(self, rows: np.ndarray) -> tuple[int, ...]:
        """Row words from elements, see `WeightBufferConfig.pack`."""
        return self._buffer.pack(rows)

    def compute(self, passes: int) -> np.ndarray:
        """The elements of so many passes, int64 of shape ``(passes * row_count, count)``."""
        return self._buffer.compute(passes)

    def region(self) -> bytes:
        """The region's contents, ``region_bytes`` long.

        Raises
        ------
        ValueError
            If the contents are not known.
        """
        if self.words is None:
            raise ValueError(f"Rows of {self.name} must be known to make an image, not left out")
        # A group of 128 rows is a whole number of words, and short enough to shift quickly.
        found, width, group = bytearray(), self.row_width, 128
        for first in range(0, self.row_count, group):
            rows = self.words[first : first + group]
            number = sum(row << (width * place) for place, row in enumerate(rows))
            found += number.to_bytes(-(-len(rows) * width // 8), "little")
        return bytes(found.ljust(self.pass_words * BEAT_BYTES, b"\0")) * self.passes

    @cached_property
    def _timing(self) -> Timing:
        reads = self.reads.timing([(self.offset, self.region_words)], self.memory_latency)
        rows = self.gearbox.timing()
        names = {"o": "word", "places": "word_places"}

        def of_reads(step: Step) -> Step:
            # Commands come for ever, as fast as they are taken.
            return _renamed(step, names, drop="command")

        def of_rows(step: Step) -> Step:
            return _freeing(_renamed(step, {"i": "word"}))

        processes = [_changed(process, of_reads) for process in reads.processes]
        processes += [_changed(process, of_rows) for process in rows.processes]
        initial = {names.get(name, name): count for name, count in reads.initial.items()}
        return Timing((), ("o",), tuple(processes), {**initial, **rows.initial}, rows.returns)

    def timing(self) -> Timing:
        """Of the stream once it has begun, as if that were in cycle 0."""
        return self._timing

    @property
    def settling_cycles(self) -> int:
        """Cycles after which a stream that nobody takes from stands still, everything full: from
        the begin of its reads under the memory that `timing` assumes."""
        rows = self.gearbox.queue.places * max(1, self.row_width // BEAT_WIDTH + 1)
        return 2 * (self.fifo_words + rows + self.memory_latency) + 200

    def cost(self, device: Device) -> Cost:
        """Estimate: port with prefetch memory, gearbox, and what asks for words."""
        parts = (self.reads, self.gearbox, self.asking)
        return sum((part.cost(device) for part in parts), start=Cost())

    def create(self) -> WeightStream:
        return WeightStream(self)


def _changed(process: Process, change: Callable[[Step], Step]) -> Process:
    """A process whose steps are changed; there are a hundred thousand, but few are different."""
    known = {step: change(step) for step in set(process.steps)}
    return Process(process.name, tuple(known[step] for step in process.steps))


def _renamed(step: Step, names: Mapping[str, str], drop: str | None = None) -> Step:
    """A step whose channels have other names, without one that it takes."""
    return replace(
        step,
        peek=tuple(names.get(name, name) for name in step.peek),
        take=tuple(names.get(name, name) for name in step.take if name != drop),
        give=tuple((names.get(name, name), offset) for name, offset in step.give),
    )


def _freeing(step: Step) -> Step:
    """A step of the gearbox: a word that it takes leaves the port's queue."""
    given = (("word_places", 1),) * step.take.count("word")
    return replace(step, give=(*step.give, *given))


class WeightStream(wiring.Component):
    """The stream.

    Attributes
    ----------
    o : stream of beats of ``count`` elements, out
    start : in
        Begin, if it has not begun.
    base : in
        Where the image begins: a multiple of 4096 that stays from ``start`` on.
    image_hash : in
        What the image's header must hold.
    memory : AXI4 read interface
    begun : out
        The header was right.
    wrong : out
        For a cycle: the header was another image's, or none.
    failed : out
        The port saw an answer that reports a failure or breaks AXI4, until reset.
    """

    o: stream.Interface
    start: Signal
    base: Signal
    image_hash: Signal
    memory: Any
    begun: Signal
    wrong: Signal
    failed: Signal

    def __init__(self, config: WeightStreamConfig) -> None:
        self.config = config
        super().__init__(
            {
                "o": Out(beat_signature(config.element_range, config.count)),
                "start": In(1),
                "base": In(ADDRESS_WIDTH),
                "image_hash": In(32),
                "memory": Out(read_signature(ADDRESS_WIDTH)),
                "begun": Out(1),
                "wrong": Out(1),
                "failed": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.reads = reads = config.reads.create()
        m.submodules.rows = rows = config.gearbox.create()
        wiring.connect(m, wiring.flipped(self.memory), reads.memory[0])
        m.d.comb += [reads.base[0].eq(self.base), self.failed.eq(reads.error)]

        m.submodules.asking = asking = config.asking.create()
        wiring.connect(m, reads.command, asking.command)
        word = Cat(*reads.o.payload.data)
        m.d.comb += [
            asking.start.eq(self.start),
            asking.image_hash.eq(self.image_hash),
            asking.word.eq(word),
            asking.arrives.eq(reads.o.valid & reads.o.ready),
            self.begun.eq(asking.begun),
            self.wrong.eq(asking.wrong),
            Value.cast(rows.i.payload.data).eq(word),
            rows.i.payload.last.eq(reads.o.payload.last),
            rows.i.valid.eq(reads.o.valid & asking.begun),
            # A header's word is looked at as it passes by.
            reads.o.ready.eq(rows.i.ready | ~asking.begun),
            Value.cast(self.o.payload.data).eq(Value.cast(rows.o.payload.data)),
            self.o.payload.last.eq(rows.o.payload.last),
            self.o.valid.eq(rows.o.valid),
            rows.o.ready.eq(self.o.ready),
        ]
        return m
