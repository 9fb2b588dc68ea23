"""Run-time reload: 32-bit words become rows of the design's memories.

Software selects a memory and a row, then writes the row's words, least significant first, to the
window. The words gather in one register that all memories share, since only one row is ever on its
way; the write of the row's last word sends it to the selected memory and moves on to the next row.
What the selected memory looks like (rows, words) is kept in registers beside the select, so that
each word is checked by short comparisons: a word that comes while loading is not allowed, or that
lies beyond the memory, is refused and nothing is stored.

A row reaches the memory two cycles after its last word; the data holds still until the next word,
which AXI4-Lite cannot bring sooner than that. Rows are not read back. The unit does not decide when
loading is allowed, and restarts nothing: that is the business of `control`.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device
from .base.cost_table import logic
from .memory import load_signature
from .register_file import window_signature
from .registers import WINDOW_WORDS

__all__ = ["Reload", "ReloadConfig", "ReloadMemory"]


@dataclass(frozen=True)
class ReloadMemory:
    """A memory that software can load: ``rows`` of ``row_width`` bits.

    Raises
    ------
    ValueError
        If a row does not fit the window, or there are no rows or more than 2**24.
    """

    name: str
    rows: int
    row_width: int

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= 1 << 24:
            raise ValueError(f"Rows of {self.name} must be within 1 to 2**24, not {self.rows!r}")
        if not 1 <= self.row_width <= 32 * WINDOW_WORDS:
            raise ValueError(
                f"Row width of {self.name} must be within 1 to {32 * WINDOW_WORDS}, "
                f"not {self.row_width!r}"
            )

    @property
    def words(self) -> int:
        """32-bit words of a row."""
        return -(-self.row_width // 32)


@dataclass(frozen=True)
class ReloadConfig:
    """The memories in the order of their numbers; at least one, at most 256.

    Raises
    ------
    ValueError
        If there are none or too many.
    """

    memories: tuple[ReloadMemory, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.memories) <= 256:
            raise ValueError(f"Memories must be 1 to 256, not {len(self.memories)}")

    @property
    def row_width(self) -> int:
        """Bits of the shared row register."""
        return 32 * max(memory.words for memory in self.memories)

    def cost(self, device: Device) -> Cost:
        """Estimate: the row register and the checks."""
        return logic(
            device,
            "reload",
            ff=self.row_width,
            memories=len(self.memories),
            words=self.row_width // 32,
            each=1,
        )

    def create(self) -> Reload:
        return Reload(self)


class Reload(wiring.Component):
    """Ports: ``window``; ``select``/``row`` with ``_write`` and ``_data`` as fields of the register
    map; ``rows`` and ``row_width`` of the selected memory; ``allowed`` (rows may be written now);
    ``refused`` (an event); ``load0``, ``load1``, ... towards the memories."""

    def __init__(self, config: ReloadConfig) -> None:
        self.config = config
        super().__init__(
            {
                "window": In(window_signature(WINDOW_WORDS)),
                "allowed": In(1),
                "refused": Out(1),
                "select": Out(8),
                "select_write": In(1),
                "select_data": In(8),
                "row": Out(24),
                "row_write": In(1),
                "row_data": In(24),
                "rows": Out(32),
                "row_width": Out(32),
                **{
                    f"load{number}": Out(load_signature(memory.rows, memory.row_width))
                    for number, memory in enumerate(config.memories)
                },
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        memories = self.config.memories
        word_width = (WINDOW_WORDS - 1).bit_length()

        # Facts of the selected memory, one cycle after the select: software is slower than that.
        present, last_row, last_word = Signal(), Signal(24), Signal(word_width)
        entry = self.select[: max(1, (len(memories) - 1).bit_length())]
        m.d.sync += [
            present.eq(self.select < len(memories)),
            last_row.eq(Array(Const(memory.rows - 1, 24) for memory in memories)[entry]),
            last_word.eq(Array(Const(memory.words - 1, word_width) for memory in memories)[entry]),
            self.rows.eq(Array(Const(memory.rows, 32) for memory in memories)[entry]),
            self.row_width.eq(Array(Const(memory.row_width, 32) for memory in memories)[entry]),
        ]
        with m.If(~present):
            m.d.sync += [self.rows.eq(0), self.row_width.eq(0)]
        with m.If(self.select_write):
            m.d.sync += self.select.eq(self.select_data)
        # Rows are compared in halves, over two cycles, so that carries stay short.
        row_fits, high_less, high_equal, low_fits = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            high_less.eq(self.row[12:] < last_row[12:]),
            high_equal.eq(self.row[12:] == last_row[12:]),
            low_fits.eq(self.row[:12] <= last_row[:12]),
            row_fits.eq(present & (high_less | (high_equal & low_fits))),
        ]

        # One word: check it, store it, and send the row off with its last word.
        accepted, is_last, word_fits = Signal(), Signal(), Signal()
        m.d.sync += [
            # The word stands since the cycle before its enable.
            is_last.eq(self.window.word == last_word),
            word_fits.eq(self.window.word <= last_word),
        ]
        m.d.comb += accepted.eq(self.window.enable & self.allowed & row_fits & word_fits)
        refused = Signal()
        m.d.sync += refused.eq(self.window.enable & ~accepted)
        m.d.comb += [self.window.refused.eq(refused), self.refused.eq(refused)]

        # Words are stored a cycle after their check, each by an enable of its own.
        words = self.config.row_width // 32
        stored_data, is_word, store = Signal(32), Signal(words), Signal(words)
        row_data = Signal(self.config.row_width)
        m.d.sync += [
            stored_data.eq(self.window.data),
            is_word.eq(Cat(self.window.word == word for word in range(words))),
            store.eq(Mux(accepted, is_word, 0)),
        ]
        for word in range(words):
            with m.If(store[word]):
                m.d.sync += row_data[32 * word : 32 * (word + 1)].eq(stored_data)

        send, sent = Signal(), Signal()
        m.d.sync += [send.eq(accepted & is_last), sent.eq(send)]
        for number, memory in enumerate(memories):
            load = getattr(self, f"load{number}")
            chosen = Signal(name=f"chosen{number}")
            m.d.sync += [
                chosen.eq(self.select == number),
                load.enable.eq(send & chosen),
                load.address.eq(self.row),
            ]
            m.d.comb += load.data.eq(row_data[: memory.row_width])

        with m.If(self.row_write):
            m.d.sync += self.row.eq(self.row_data)
        with m.Elif(sent):
            m.d.sync += self.row.eq(self.row + 1)
        return m
