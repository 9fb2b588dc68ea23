"""The k largest logits of the head, largest first, the lower row first among equals.

Logits come one at a time, a known number of cycles apart, because a row takes many words. So the
list is kept in pieces, each a small memory with one comparison: a candidate walks through the
places of a piece, a place a cycle, and changes places with whatever is smaller; what is left in its
hands at the end goes on to the next piece, while the first one takes the next candidate. Only a
strictly larger logit displaces another; what was displaced is ahead of all that follow, so it
displaces them without being compared. So equal logits stay in the order of rows.

``k`` places in pieces as long as the interval between logits. After ``flush`` the list is read out,
a place every other cycle. Places that no logit has reached are not given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Array, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .attention_command import LOGIT_WIDTH, index_shape, logit_layout

__all__ = ["BestLogits", "BestLogitsConfig"]


@dataclass(frozen=True)
class BestLogitsConfig:
    """The ``best_count`` largest of up to ``rows`` logits of ``width`` bits, which come
    ``interval`` cycles apart or more; -2**(width - 1) does not occur.

    Raises
    ------
    ValueError
        If there is no place in the list or it has more places than there are rows.
    """

    best_count: int
    rows: int
    width: int
    interval: int

    def __post_init__(self) -> None:
        if not 1 <= self.best_count <= self.rows:
            raise ValueError(
                f"Best count must be from 1 to the {self.rows} rows, not {self.best_count!r}"
            )

    @property
    def piece_places(self) -> int:
        """Places of a piece; also the cycles that a candidate spends in it."""
        return min(self.interval, self.best_count)

    @property
    def pieces(self) -> int:
        return -(-self.best_count // self.piece_places)

    @property
    def settle_cycles(self) -> int:
        """Cycles from a logit to the list that knows it: the earliest ``flush``."""
        return self.pieces * self.piece_places + 1

    def flush_cycles(self, rows: int) -> int:
        """Cycles from ``flush`` to the last transfer, taken at once."""
        return 2 * min(self.best_count, rows)

    def compute(self, logits: np.ndarray) -> np.ndarray:
        """Row numbers and logits ``(k, 2)``, k at most the number of logits."""
        logits = np.asarray(logits, dtype=np.int64)
        order = np.argsort(-logits, kind="stable")[: self.best_count]
        return np.stack((order, logits[order]), axis=1)

    def cost(self, device: Device) -> Cost:
        """Estimate: a memory, a comparison, a choice and a register for each piece."""
        entry = self.width + index_shape(self.rows).width
        piece = device.lutram_luts(entry, self.piece_places) + entry + self.width / 2 + 4
        return Cost(lut=piece, ff=entry + 4) * self.pieces + Cost(lut=30, ff=entry + 20)

    def create(self) -> BestLogits:
        return BestLogits(self)


class BestLogits(wiring.Component):
    """The list.

    Attributes
    ----------
    clear : in
        Forget everything; logits only after ``piece_places`` more cycles.
    valid, index, logit : in
        A row's logit.
    flush : in
        Send the list.
    o : stream of `logit_layout`, out
    """

    clear: Signal
    valid: Signal
    index: Signal
    logit: Signal
    flush: Signal
    o: stream.Interface

    def __init__(self, config: BestLogitsConfig) -> None:
        self.config = config
        super().__init__(
            {
                "clear": In(1),
                "valid": In(1),
                "index": In(index_shape(config.rows)),
                "logit": In(signed(config.width)),
                "flush": In(1),
                "o": Out(stream.Signature(logit_layout(config.rows, "last"))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        places = config.piece_places
        clearing, clear_place = Signal(), Signal(range(max(2, places)))
        with m.If(self.clear):
            m.d.sync += [clearing.eq(1), clear_place.eq(0)]
        with m.Elif(clear_place == places - 1):
            m.d.sync += clearing.eq(0)
        with m.Else():
            m.d.sync += clear_place.eq(clear_place + 1)

        piece_read, place_read = self._send(m)
        valid: Value = self.valid
        logit: Value = self.logit
        index: Value = self.index
        displaced: Value = Const(0)
        entries = []
        for number in range(config.pieces):
            valid, logit, index, displaced, entry = self._piece(
                m, number, valid, logit, index, displaced, clearing, clear_place, place_read
            )
            entries.append(entry)
        entry = Array(entries)[piece_read] if len(entries) > 1 else entries[0]
        chosen = Signal(len(entries[0]))
        m.d.comb += chosen.eq(entry)
        logit_out = Signal(signed(LOGIT_WIDTH), reset_less=True)
        index_out = Signal.like(self.index, reset_less=True)
        with m.If(~self.o.valid):
            m.d.sync += [
                logit_out.eq(chosen[: config.width].as_signed()),
                index_out.eq(chosen[config.width :]),
            ]
        m.d.comb += [self.o.payload.logit.eq(logit_out), self.o.payload.index.eq(index_out)]
        return m

    def _piece(
        self,
        m: Module,
        number: int,
        valid: Value,
        logit: Value,
        index: Value,
        displaced: Value,
        clearing: Signal,
        clear_place: Signal,
        place_read: Signal,
    ) -> tuple[Value, Value, Value, Value, Value]:
        """One piece: what leaves it for the next one, and the entry at ``place_read``."""
        config = self.config
        places, width = config.piece_places, config.width
        index_width = len(self.index)
        store = memory.Memory(
            shape=width + index_width,
            depth=places,
            init=[],
            attrs={"ram_style": "distributed"},
        )
        m.submodules[f"piece_{number}"] = store
        write, read = store.write_port(), store.read_port(domain="comb")
        held_logit = Signal(signed(width), name=f"logit_{number}", reset_less=True)
        held_index = Signal(index_width, name=f"index_{number}", reset_less=True)
        place = Signal(range(max(2, places)), name=f"place_{number}")
        walking, leaves = Signal(name=f"walking_{number}"), Signal(name=f"leaves_{number}")
        was_displaced = Signal(name=f"was_displaced_{number}")
        here = Signal(signed(width), name=f"here_{number}")
        wins = Signal(name=f"wins_{number}")
        m.d.comb += [
            read.addr.eq(Mux(walking, place, place_read)),
            here.eq(read.data[:width].as_signed()),
            wins.eq(was_displaced | (held_logit > here)),
            leaves.eq(walking & (place == places - 1)),
            write.en.eq(clearing | (walking & wins)),
            write.addr.eq(Mux(clearing, clear_place, place)),
            write.data[:width].eq(Mux(clearing, 1 << (width - 1), held_logit)),
            write.data[width:].eq(held_index),
        ]
        out_logit = Mux(wins, here, held_logit)
        out_index = Mux(wins, read.data[width:], held_index)
        with m.If(valid):
            m.d.sync += [held_logit.eq(logit), held_index.eq(index), place.eq(0), walking.eq(1)]
            m.d.sync += was_displaced.eq(displaced)
        with m.Elif(walking):
            m.d.sync += [
                held_logit.eq(out_logit),
                held_index.eq(out_index),
                place.eq(Mux(leaves, 0, place + 1)),
                walking.eq(~leaves),
                was_displaced.eq(wins),
            ]
        return leaves, out_logit, out_index, wins, read.data

    def _send(self, m: Module) -> tuple[Signal, Signal]:
        """Reads the list from its begin; gives the place that is to be read."""
        config = self.config
        found = Signal(range(config.best_count + 1))
        with m.If(self.clear):
            m.d.sync += found.eq(0)
        with m.Elif(self.valid & (found != config.best_count)):
            m.d.sync += found.eq(found + 1)

        left = Signal(range(config.best_count + 1))
        piece, place = (
            Signal(range(max(2, config.pieces))),
            Signal(range(max(2, config.piece_places))),
        )
        with m.If(self.flush):
            m.d.sync += [left.eq(found), piece.eq(0), place.eq(0)]
        with m.Elif(self.o.valid):
            with m.If(self.o.ready):
                m.d.sync += self.o.valid.eq(0)
        with m.Elif(left != 0):
            m.d.sync += [self.o.valid.eq(1), left.eq(left - 1), self.o.payload.last.eq(left == 1)]
            with m.If(place == config.piece_places - 1):
                m.d.sync += [place.eq(0), piece.eq(piece + 1)]
            with m.Else():
                m.d.sync += place.eq(place + 1)
        return piece, place
