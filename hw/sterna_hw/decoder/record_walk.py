"""The order in which the words of records come, as counters that say where one is.

Words arrive slot by slot. A slot is a record of the cache (a header word, then for each key head
its words, each of which serves every query head of the group) or a row of the head (its words, no
header). The walk stands at one place at a time; whoever does the work of a place says ``advance``.
Places of a record: the header, then for key head, for word, for query of the group.

What follows in the pipelines needs a little time between two visits of the same head, so a slot
takes a least number of cycles: after a tiny record a walk keeps ``is_open`` low for what is
missing. All outputs are registers, or one look-up table behind registers.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..loop import Loop
from .attention_command import index_shape

__all__ = ["RecordWalk", "RecordWalkConfig"]


@dataclass(frozen=True)
class RecordWalkConfig:
    """Sizes of records and rows.

    Parameters
    ----------
    slots : :class:`int`
        Largest number of slots.
    kv_heads, group : :class:`int`
        Key heads of a record, and query heads that share one.
    head_words : :class:`int`
        Words of a key head, 2 or more.
    row_words : :class:`int`
        Words of a row of the head; 0 for a walk that knows no rows.
    least_record, least_row : :class:`int`
        Cycles that a slot takes at least.
    """

    slots: int
    kv_heads: int
    group: int
    head_words: int
    row_words: int = 0
    least_record: int = 1
    least_row: int = 1

    @property
    def record_places(self) -> int:
        """Places of a record: cycles, if nothing makes the walk wait."""
        return 1 + self.kv_heads * self.group * self.head_words

    @property
    def record_cycles(self) -> int:
        """Cycles from a record's begin to the next one's."""
        return max(self.record_places, self.least_record)

    @property
    def row_cycles(self) -> int:
        """Cycles from a row's begin to the next one's."""
        return max(self.row_words, self.least_row)

    def walk_cycles(self, slots: int, rows: bool = False) -> int:
        """Cycles from the first place of a walk to its last, both included."""
        if rows:
            return (slots - 1) * self.row_cycles + self.row_words
        return (slots - 1) * self.record_cycles + self.record_places

    def create(self) -> RecordWalk:
        return RecordWalk(self)


class RecordWalk(wiring.Component):
    """The counters.

    Attributes
    ----------
    start : in
        Go to the first place of slot 0; with ``rows`` and ``last_slot``, which stay.
    advance : in
        The place is done; only while ``is_open``.
    rows : in
        Walk through rows instead of records.
    last_slot : in
        Number of the last slot.
    is_open : out
        The place may be done now.
    is_header : out
    is_first_word, is_last_word : out
        First or last word of a head or row.
    is_last_query : out
        Last query of the group: the word is not needed any more.
    is_first_slot, is_last_slot : out
    is_slot_end, is_end : out
        Last place of the slot, or of the walk.
    """

    start: Signal
    advance: Signal
    rows: Signal
    last_slot: Signal
    is_open: Signal
    is_header: Signal
    is_first_word: Signal
    is_last_word: Signal
    is_last_query: Signal
    is_first_slot: Signal
    is_last_slot: Signal
    is_slot_end: Signal
    is_end: Signal

    def __init__(self, config: RecordWalkConfig) -> None:
        self.config = config
        flags = ("is_open", "is_header", "is_first_word", "is_last_word", "is_last_query")
        flags += ("is_first_slot", "is_last_slot", "is_slot_end", "is_end")
        super().__init__(
            {
                "start": In(1),
                "advance": In(1),
                "rows": In(1),
                "last_slot": In(index_shape(config.slots)),
                **{name: Out(1) for name in flags},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        step, word_step = Signal(), Signal()
        m.d.comb += step.eq(self.advance & ~self.is_header)

        query = Loop(m, config.group, step & ~self.rows, "query")
        m.d.comb += [
            self.is_last_query.eq(query.is_last | self.rows),
            word_step.eq(step & self.is_last_query),
        ]

        head_ends = Signal()
        largest = max(config.head_words, config.row_words)
        word = Signal(range(largest + 1))
        last_word, nears_last = Signal(), Signal()
        is_single = Signal()
        m.d.comb += [
            # A row may be one word long, a head never is.
            is_single.eq(self.rows & (config.row_words == 1)),
            nears_last.eq(word == Mux(self.rows, config.row_words - 2, config.head_words - 2)),
            self.is_first_word.eq(word == 0),
            self.is_last_word.eq(last_word),
            head_ends.eq(word_step & last_word),
        ]
        with m.If(word_step):
            m.d.sync += [
                word.eq(Mux(last_word, 0, word + 1)),
                last_word.eq(Mux(last_word, is_single, nears_last)),
            ]

        head = Loop(m, config.kv_heads, head_ends & ~self.rows, "head")
        slot_step = Signal()
        m.d.comb += [
            self.is_slot_end.eq(
                self.is_last_query & last_word & (head.is_last | self.rows) & ~self.is_header
            ),
            self.is_end.eq(self.is_slot_end & self.is_last_slot),
            slot_step.eq(self.advance & self.is_slot_end),
        ]
        remaining = Signal.like(self.last_slot)
        with m.If(self.start):
            m.d.sync += [
                remaining.eq(self.last_slot),
                self.is_first_slot.eq(1),
                self.is_last_slot.eq(self.last_slot == 0),
                self.is_header.eq(~self.rows),
                word.eq(0),
                last_word.eq(is_single),
            ]
        with m.Elif(self.advance):
            m.d.sync += self.is_header.eq(slot_step & ~self.rows)
            with m.If(slot_step):
                m.d.sync += [
                    remaining.eq(remaining - 1),
                    self.is_first_slot.eq(0),
                    self.is_last_slot.eq(remaining == 1),
                ]
        self._pace(m, slot_step)
        return m

    def _pace(self, m: Module, slot_step: Signal) -> None:
        """Waits after a slot that has too few places. The wait is there however long the slot has
        taken: what counts is the time from any of its places to the same one of the next slot."""
        config = self.config
        after_record = config.record_cycles - config.record_places
        after_row = config.row_cycles - config.row_words if config.row_words else 0
        if after_record == after_row == 0:
            m.d.comb += self.is_open.eq(1)
            return
        cycles = Signal(range(max(after_record, after_row) + 1))
        m.d.comb += self.is_open.eq(cycles == 0)
        with m.If(self.start):
            m.d.sync += cycles.eq(0)
        with m.Elif(slot_step):
            m.d.sync += cycles.eq(Mux(self.rows, after_row, after_record))
        with m.Elif(cycles != 0):
            m.d.sync += cycles.eq(cycles - 1)
