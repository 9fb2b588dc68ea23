"""The reader of a sliding window: where the window stands, and whether it may move.

Three loops walk over rows and columns of positions and over the beats of a pixel. Beside them go
the remainders of the window's place by the numbers of banks, which say in which bank each tap lies,
and the address in the banks of columns; both move by constants, so nothing is multiplied or
divided. Whether a step may be taken stands in one counter, which is what has been stored beyond
what this step needs: its sign bit is the answer. What the step takes and gives comes from the
schedule, whose numbers are constants but at the ends of rows.

It reads no memory: `SlidingWindow` does, one cycle later, at the addresses in `addresses`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from .base import WindowAxis
from .loop import Loop

if TYPE_CHECKING:
    from .sliding_window import SlidingWindowConfig

__all__ = ["WindowReader"]


class WindowReader:
    """Built into a module.

    Parameters
    ----------
    m : :class:`Module`
    config : :class:`SlidingWindowConfig`
    stored : one-bit value
        A beat is stored in this cycle.
    available : one-bit value
        There is a place for what a step reads.

    Attributes
    ----------
    step
        A step is taken in this cycle.
    gives
        Beats that it releases.
    ends
        It is the last one of its position.
    row_bank, column_bank
        Banks in which tap (0, 0) lies, if it is no padding.
    rows_inside, columns_inside
        A bit for each row and column of taps: it is no padding.
    addresses
        Registers: the address in each bank of columns, in the cycle after the step.
    """

    def __init__(
        self, m: Module, config: SlidingWindowConfig, stored: Value, available: Value
    ) -> None:
        self.m, self.config = m, config
        schedule, rows, columns = config.schedule, config.rows, config.columns
        self.step = Signal(name="step")
        self.beat = Loop(m, config.beats, self.step, "beat")
        column_step, row_step = Signal(name="column_step"), Signal(name="row_step")
        self.column = Loop(m, columns.outputs, column_step, "column")
        self.row = Loop(m, rows.outputs, row_step, "row")
        m.d.comb += [
            column_step.eq(self.step & self.beat.is_last),
            row_step.eq(column_step & self.column.is_last),
        ]

        takes = self._takes()
        most = max(takes.values)
        ahead = Signal(
            range(-most, schedule.capacity + 1), init=-schedule.row_takes[0], name="ahead"
        )
        m.d.comb += self.step.eq(~ahead[-1] & available)
        m.d.sync += ahead.eq(ahead + stored - Mux(self.step, takes.signal, 0))
        self.gives = self._gives()
        self.ends = self.beat.is_last
        self.rows_inside = self._inside(rows, self.row.value)
        self.columns_inside = self._inside(columns, self.column.value)
        self.row_bank = self._row_bank(row_step)
        self.column_bank, self.addresses = self._addresses(column_step)

    def _takes(self) -> _Table:
        """Beats that the step after this one needs beyond this one's."""
        schedule = self.config.schedule
        inner = [inner for _, inner in schedule.column_takes]
        following = [first for first, _ in schedule.column_takes[1:]] + [0]
        starts = [*schedule.row_takes[1:], schedule.row_takes[0] + schedule.rest]
        moves = _Table(self.m, "moves", self.row.value, list(map(int, schedule.row_moves)))
        along = _choose(
            self.m,
            "along_takes",
            self.beat.is_last,
            _Table(self.m, "next_column_takes", self.column.value, following),
            _Table(self.m, "inner_takes", self.column.value, inner),
        )
        along.signal = Mux(moves.signal, along.signal, 0)
        ends = self.beat.is_last & self.column.is_last
        return _choose(
            self.m, "takes", ends, _Table(self.m, "row_takes", self.row.value, starts), along
        )

    def _gives(self) -> Value:
        schedule = self.config.schedule
        passes = _Table(self.m, "passes", self.row.value, list(map(int, schedule.row_passes)))
        rows = _Table(self.m, "row_gives", self.row.value, schedule.row_gives)
        columns = _Table(self.m, "column_gives", self.column.value, schedule.column_gives)
        along = Mux(passes.signal, columns.signal, 0)
        return Mux(self.beat.is_last, Mux(self.column.is_last, rows.signal, along), 0)

    def _inside(self, axis: WindowAxis, position: Value) -> Value:
        """A bit for each tap: it lies on an input."""
        flags = []
        for tap in range(axis.kernel):
            low, high = axis.positions_with(tap)
            flag: Value = Const(int(low <= high), 1)
            if low <= high and low > 0:
                flag = flag & (position >= low)
            if low <= high < axis.outputs - 1:
                flag = flag & (position <= high)
            flags.append(flag)
        return Cat(flags)

    def _row_bank(self, row_step: Value) -> Value:
        """The bank of the first row of taps; rows of one frame follow those of the one before."""
        rows = self.config.rows
        banks = self.config.schedule.row_banks
        if banks == 1:
            return Const(0, 1)
        bank = Signal(range(banks), init=rows.first(0) % banks, name="row_bank")
        along = rows.stride % banks
        back = (rows.size - (rows.outputs - 1) * rows.stride) % banks
        with self.m.If(row_step):
            self.m.d.sync += bank.eq(
                Mux(self.row.is_last, _turned(bank, back, banks), _turned(bank, along, banks))
            )
        return bank

    def _addresses(self, column_step: Value) -> tuple[Value, list[Signal]]:
        """The bank of the first column of taps, and what each bank's address is one cycle later."""
        m, columns, beats = self.m, self.config.columns, self.config.beats
        banks = columns.banks
        width = max(1, (self.config.bank_depth - 1).bit_length())
        mask = (1 << width) - 1
        begin_turn, begin = divmod(columns.first(0), banks)
        turns, along = divmod(columns.stride, banks)
        bank = Signal(range(max(banks, 2)), init=begin, name="column_bank")
        base = Signal(width, init=begin_turn * beats & mask, name="base")
        with m.If(column_step):
            wraps = bank >= banks - along if along else Const(0)
            step = Mux(wraps, (turns + 1) * beats & mask, turns * beats & mask)
            m.d.sync += [
                bank.eq(Mux(self.column.is_last, begin, _turned(bank, along, banks))),
                base.eq(Mux(self.column.is_last, begin_turn * beats & mask, base + step)),
            ]
        addresses = []
        for number in range(banks):
            # Taps whose bank this is, by the bank of tap 0, are in this turn of banks or a later.
            later = [0] * banks
            for first in range(banks):
                for tap in range(columns.kernel):
                    turn, found = divmod(first + tap * columns.dilation, banks)
                    if found == number:
                        later[first] = turn * beats & mask
            offset = _Table(m, f"offset{number}", bank, later).signal
            address = Signal(width, name=f"address{number}", reset_less=True)
            m.d.sync += address.eq(base + self.beat.value + offset)
            addresses.append(address)
        return bank, addresses


class _Table:
    """A constant for each value of an index, as logic; the most frequent one is the default."""

    def __init__(self, m: Module, name: str, index: Value, values: Sequence[int]) -> None:
        self.values = list(values)
        usual = max(set(self.values), key=self.values.count)
        if set(self.values) == {usual}:
            self.signal: Value = Const(usual, max(1, usual.bit_length()))
            return
        signal = Signal(range(max(self.values) + 1), name=name)
        m.d.comb += signal.eq(usual)
        with m.Switch(index):
            for value in sorted(set(self.values) - {usual}):
                places = [place for place, found in enumerate(self.values) if found == value]
                with m.Case(*places):
                    m.d.comb += signal.eq(value)
        self.signal = signal


def _choose(m: Module, name: str, condition: Value, first: _Table, second: _Table) -> _Table:
    """One table or the other."""
    chosen = _Table(m, name, Const(0), [0])
    chosen.values = [*first.values, *second.values]
    chosen.signal = Mux(condition, first.signal, second.signal)
    return chosen


def _turned(bank: Value, by: int, banks: int) -> Value:
    """``(bank + by) % banks`` for 0 <= by < banks."""
    if by == 0:
        return bank
    return Mux(bank >= banks - by, bank - (banks - by), bank + by)
