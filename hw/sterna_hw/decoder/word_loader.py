"""Words of the memory stream, cut into beats of V numbers of 16 bits, for one vector at a time.

A word holds several beats, or a beat several words; one is a multiple of the other. A word that
holds several stands in a shift register while its beats leave, and the next word is taken with its
last beat, so a beat leaves every cycle. Where the vector ends inside a word, the rest of that word
is dropped: the next load begins with a new word.

Latency: the first beat leaves two cycles after ``start`` if its word is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .vector_command import word_layout

__all__ = ["WordLoader", "WordLoaderConfig"]

WIDTH = 16


@dataclass(frozen=True)
class WordLoaderConfig:
    """A loader.

    Parameters
    ----------
    ports : :class:`int`
        Memory ports, 1 to 4: a word has 128 bits of each.
    count : :class:`int`
        Numbers of a beat, V.
    largest_beats : :class:`int`
        Beats of the longest vector.

    Raises
    ------
    ValueError
        If a field breaks its rule, or neither words divide into beats nor beats into words.
    """

    ports: int
    count: int
    largest_beats: int

    def __post_init__(self) -> None:
        if not 1 <= self.ports <= 4:
            raise ValueError(f"Memory ports must be 1 to 4, not {self.ports!r}")
        if self.largest_beats < 1:
            raise ValueError(f"Largest beats must be 1 or more, not {self.largest_beats!r}")
        if self.count < 1 or (self.word_width % self.width and self.width % self.word_width):
            raise ValueError(
                f"Numbers of a beat must fill words of {self.word_width} bits evenly, "
                f"not be {self.count!r}"
            )

    @property
    def word_width(self) -> int:
        return 128 * self.ports

    @property
    def width(self) -> int:
        """Bits of a beat."""
        return WIDTH * self.count

    @property
    def beats_per_word(self) -> int:
        return max(1, self.word_width // self.width)

    @property
    def words_per_beat(self) -> int:
        return max(1, self.width // self.word_width)

    def word_count(self, beats: int) -> int:
        """Words that a load of so many beats takes."""
        return -(-beats // self.beats_per_word) * self.words_per_beat

    def cycles(self, beats: int) -> int:
        """Cycles from ``start`` to the first one in which ``busy`` is low, words always there."""
        return 2 + beats * self.words_per_beat

    def end_cycles(self, beats: int) -> int:
        """Cycles from the last word to the first one in which ``busy`` is low. Words are taken
        every ``beats_per_word`` cycles, the first one in the cycle after ``start``."""
        last_word = 1 + (self.word_count(beats) - 1) * self.beats_per_word
        return self.cycles(beats) - last_word

    def compute(self, words: np.ndarray, beats: int) -> np.ndarray:
        """int64 ``(beats, V)`` from bytes ``(words, 16 * ports)``."""
        numbers = np.ascontiguousarray(words, dtype=np.uint8).view("<i2").astype(np.int64)
        return numbers.reshape(-1)[: beats * self.count].reshape(beats, self.count)

    def cost(self, device: Device) -> Cost:
        """Estimate: a shift register that can be loaded, and counters."""
        bits, counter = max(self.word_width, self.width), 2 * self.largest_beats.bit_length()
        return Cost(lut=bits + 2 * counter + 8, ff=bits + counter + 4)

    def create(self) -> WordLoader:
        return WordLoader(self)


class WordLoader(wiring.Component):
    """The loader.

    Attributes
    ----------
    start : in
        Begins a load of ``beats``; only while not ``busy``.
    beats : in
    words : stream of `word_layout`, in
    valid : out
        A beat leaves: ``data``, and its ``address`` from 0.
    data : out
        Array of V signed numbers.
    address : out
    busy : out
        From the cycle after ``start`` until all beats have left.
    """

    start: Signal
    beats: Signal
    words: stream.Interface
    valid: Signal
    data: data.View
    address: Signal
    busy: Signal

    def __init__(self, config: WordLoaderConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "beats": In(range(config.largest_beats + 1)),
                "words": In(stream.Signature(word_layout(config.ports))),
                "valid": Out(1),
                "data": Out(config.width),
                "address": Out(range(config.largest_beats)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        word = Value.cast(self.words.payload.data)
        left = Signal(range(config.largest_beats + 1))
        # Whether any is left, and more than one: so that ``ready`` is made in little time.
        some_left, more_left = Signal(), Signal()
        taken = Signal()
        m.d.comb += taken.eq(self.words.valid & self.words.ready)
        if config.words_per_beat > 1:
            leaves = self._collect(m, word, taken, some_left)
        else:
            leaves = self._cut(m, word, taken, left, some_left, more_left)
        with m.If(self.valid):
            m.d.sync += self.address.eq(self.address + 1)
        with m.If(self.start):
            m.d.sync += [
                left.eq(self.beats),
                some_left.eq(self.beats != 0),
                more_left.eq(self.beats > 1),
                self.address.eq(0),
            ]
        with m.Elif(leaves):
            m.d.sync += [left.eq(left - 1), some_left.eq(left != 1), more_left.eq(left > 2)]
        return m

    def _cut(
        self,
        m: Module,
        word: Value,
        taken: Signal,
        left: Signal,
        some_left: Signal,
        more_left: Signal,
    ) -> Value:
        """Several beats (or one) of a word. ``left`` counts beats that have not left yet."""
        config = self.config
        held = Signal(config.word_width, reset_less=True)
        waiting = Signal(range(config.beats_per_word + 1))
        m.d.comb += [
            self.valid.eq(waiting != 0),
            self.data.eq(held[: config.width]),
            self.busy.eq(some_left),
            self.words.ready.eq(((waiting == 0) & some_left) | ((waiting == 1) & more_left)),
        ]
        with m.If(taken):
            m.d.sync += [held.eq(word), waiting.eq(config.beats_per_word)]
        with m.Elif(self.valid):
            # What is left of a word behind the end of the vector is dropped.
            m.d.sync += [
                held.eq(held >> config.width),
                waiting.eq(Mux(left == 1, 0, waiting - 1)),
            ]
        return self.valid

    def _collect(self, m: Module, word: Value, taken: Signal, some_left: Signal) -> Value:
        """Several words of a beat, as long as there are beats whose last word has not come."""
        config = self.config
        held = Signal(config.width, reset_less=True)
        collected = Signal(range(config.words_per_beat))
        completes = Signal()
        m.d.comb += [
            completes.eq(taken & (collected == config.words_per_beat - 1)),
            self.words.ready.eq(some_left),
            self.data.eq(held),
            self.busy.eq(some_left | self.valid),
        ]
        m.d.sync += self.valid.eq(completes)
        with m.If(taken):
            m.d.sync += [
                held.eq(Cat(held, word)[config.word_width :]),
                collected.eq(Mux(completes, 0, collected + 1)),
            ]
        return completes
