"""The reader of a deformable window: where the window stands, and the address of each tap.

Three loops walk over rows and columns of positions and over the beats of a pixel. Beside them go
the window's place in the image and the row of the band in which the uppermost row lies that a
position may look at. A tap's offset, added to these, gives its row and column, whether they lie in
the image, and its row in the band, which goes round. Whether a row of positions may begin stands
in one counter, the rows that are there beyond those that it needs: its sign bit is the answer.

Addresses are there three cycles after a step: sums, then comparisons, then rows times their length
(by a constant). It reads no memory: `DeformableWindow` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import TYPE_CHECKING

from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import data

from .base import WindowAxis
from .credit import delay
from .loop import Loop

if TYPE_CHECKING:
    from .deformable_window import DeformableWindowConfig

__all__ = ["ADDRESS_LATENCY", "RELEASE_LATENCY", "Band", "DeformableReader"]

ADDRESS_LATENCY = 3
"""From a step to the cycle in which its addresses are at the memories."""
RELEASE_LATENCY = ADDRESS_LATENCY + 1
"""From a step to the first cycle in which what it read may be overwritten."""


@dataclass(frozen=True)
class Band:
    """The rows of an image that are kept: ``bound`` more on both sides of the window's."""

    rows: WindowAxis
    bound: int

    @property
    def size(self) -> int:
        """Rows of the memory: those that a position may look at, and two more steps."""
        return self.rows.span + 2 * self.bound + 2 * self.rows.stride

    @cached_property
    def takes(self) -> tuple[int, ...]:
        """Rows of the image that each row of positions waits for; the last for all the rest."""
        rows = range(self.rows.outputs - 1)
        needed = [self.rows.first(row) + self.rows.span + self.bound for row in rows]
        needed = [0, *(min(count, self.rows.size) for count in needed), self.rows.size]
        return tuple(after - before for before, after in pairwise(needed))

    @cached_property
    def gives(self) -> tuple[int, ...]:
        """Rows of the image that nobody looks at behind each row of positions."""
        firsts = [self.rows.first(row) - self.bound for row in range(1, self.rows.outputs)]
        kept = [0, *(min(max(first, 0), self.rows.size) for first in firsts), self.rows.size]
        return tuple(after - before for before, after in pairwise(kept))


class DeformableReader:
    """Built into a module.

    Parameters
    ----------
    m : :class:`Module`
    config : :class:`DeformableWindowConfig`
    stored : one-bit value
        A row is whole with this cycle's beat.
    may_read : one-bit value
        There are offsets, and a place for what a step reads.
    offsets : array of values
        For each tap its rows and its columns.

    Attributes
    ----------
    step
        A step is taken in this cycle.
    ends
        It is the last one of its position.
    gives
        Rows of the image that may be overwritten from the next cycle on.
    addresses, inside
        Of each tap, `ADDRESS_LATENCY` cycles after the step: where it reads, and whether that is a
        pixel of the image.
    """

    def __init__(
        self,
        m: Module,
        config: DeformableWindowConfig,
        stored: Value,
        may_read: Value,
        offsets: data.View,
    ) -> None:
        rows, columns, band = config.rows, config.columns, config.band
        self.step = step = Signal()
        beat = Loop(m, config.beats, step, "beat")
        self.ends = beat.is_last
        column = Loop(m, columns.outputs, step & beat.is_last, "column")
        row_ends = step & beat.is_last & column.is_last
        row = Loop(m, rows.outputs, row_ends, "row")
        gives = Mux(row_ends, Array(band.gives)[row.value], 0)
        self.gives = delay(m, gives, ADDRESS_LATENCY, reset_less=False)

        takes = band.takes
        margin = Signal(range(-max(takes), band.size + 1), init=-takes[0])
        following = Array((*takes[1:], takes[0]))[row.value]
        m.d.sync += margin.eq(margin + stored - Mux(row_ends, following, 0))
        m.d.comb += step.eq(may_read & ~(column.is_first & beat.is_first & margin[-1]))

        slot = _slot(m, config, row_ends, row)
        first_row = _walk(m, rows, row, row_ends, "first_row")
        first_column = _walk(m, columns, column, step & beat.is_last, "first_column")
        beat_late = delay(m, beat.value, ADDRESS_LATENCY - 1)
        self.addresses: Sequence[Signal] = []
        self.inside: Sequence[Value] = []
        for tap, (down, across) in enumerate(product(range(rows.kernel), range(columns.kernel))):
            lower = offsets[2 * tap] + down * rows.dilation
            y = delay(m, first_row + lower, 1)
            x = delay(m, first_column + (offsets[2 * tap + 1] + across * columns.dilation), 1)
            turned = delay(m, (slot + (lower + config.bound))[: len(slot) + 1], 1)
            inside = _within(y, rows.size) & _within(x, columns.size)
            self.inside.append(delay(m, inside, ADDRESS_LATENCY - 1))
            place = delay(m, x[: columns.size.bit_length()], 1)
            here = delay(m, _turned(turned, band.size)[: len(slot)], 1)
            address = Signal(
                config.memory(tap).address_width, reset_less=True, name=f"address{tap}"
            )
            m.d.sync += address.eq(here * config.row_beats + place * config.beats + beat_late)
            self.addresses.append(address)


def _slot(m: Module, config: DeformableWindowConfig, row_ends: Value, row: Loop) -> Signal:
    """The row of the band in which the uppermost row lies that a position may look at."""
    rows, band = config.rows, config.band.size
    slot = Signal(range(band), init=(-rows.before - config.bound) % band)
    to_next_frame = (rows.size - (rows.outputs - 1) * rows.stride) % band
    with m.If(row_ends):
        m.d.sync += slot.eq(_turned(slot + Mux(row.is_last, to_next_frame, rows.stride), band))
    return slot


def _turned(place: Value, band: int) -> Value:
    """A row of the band, of one that is less than twice round."""
    return Mux(place >= band, place - band, place)


def _walk(m: Module, axis: WindowAxis, loop: Loop, advance: Value, name: str) -> Signal:
    """The input under tap 0 of an axis at the loop's position."""
    last = axis.first(axis.outputs - 1)
    first = Signal(range(-axis.before, last + 1), init=-axis.before, name=name)
    if axis.outputs > 1:
        with m.If(advance):
            m.d.sync += first.eq(Mux(loop.is_last, -axis.before, first + axis.stride))
    return first


def _within(place: Value, size: int) -> Value:
    """Whether a place, perhaps negative, lies on one of so many inputs."""
    return (place >= 0) & (place < size)
