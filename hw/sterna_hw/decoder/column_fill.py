"""Fills the tables of the decoder's engine from rows of its activation buffer.

As in `table_fill`, one running adder per table and lane walks through the plan of `table_plan`, and
one small control serves all. Here each step of the walk reads the row it adds: the buffer gives the
same activation of every group at once, so there is nothing to choose between.

The control runs as many fills as a command has input blocks, one step a cycle, and waits only for a
free table (or half of a two-buffered one), before the first step of a fill. The row's address
follows the control by one cycle, its activations by three, the sum by four, when it is written. A
table is filled four cycles after the last step, and free again in the cycle after the last look-up
of its block: that look-up reads up to `LATEST_READ` cycles later, before anything is written.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data

from ..add_subtract import add_or_subtract
from ..base import Cost, IntegerRange
from ..beat import shape_of
from ..credit import delay
from ..loop import Loop
from ..table_copies import TableWrite
from ..table_fill import FillControl, balance_flag
from ..table_plan import TablePlan

__all__ = ["FILL_LATENCY", "LATEST_READ", "ColumnFill", "fill_cost"]

FILL_LATENCY = 4
"""Cycles from the last step of a fill to the first cycle in which its table may be looked up."""

LATEST_READ = FILL_LATENCY + 1
"""Cycles from the acceptance of a look-up to the last one in which it may read a table."""


def fill_cost(leaf_range: IntegerRange, adders: int) -> Cost:
    """Estimate of the running adders."""
    return Cost(lut=leaf_range.width, ff=leaf_range.width) * adders


class ColumnFill:
    """The filling side of the engine.

    Parameters
    ----------
    m, platform
        Where it is built, and what for.
    plan : :class:`TablePlan`
        Of the tables; its walk has no warm-up and no shifts.
    leaf_range : :class:`IntegerRange`
        Of the tables' entries.
    buffers : :class:`int`
        1 or 2.
    start, blocks : values
        Begin, with so many input blocks to fill for.
    release : one-bit value
        The last look-up of a block is accepted in this cycle.
    activations : array view
        The buffer's output: element ``lane*tables + table``.
    tables, lanes : :class:`int`
        Sizes.

    Attributes
    ----------
    row : signal
        The row that the buffer shall read; its activations come two cycles later.
    is_filled : one-bit signal
        The tables of the block that is up next are filled.
    read_half : value
        Which half holds them; no bits if there is one buffer.
    write : :class:`TableWrite`
        Common write port of all tables.
    entries : list of values
        Data to be written, by table; lanes side by side.
    """

    def __init__(
        self,
        m: Module,
        platform: object,
        plan: TablePlan,
        leaf_range: IntegerRange,
        buffers: int,
        *,
        start: Value,
        blocks: Value,
        release: Value,
        row: Signal,
        activations: data.View,
        tables: int,
        lanes: int,
    ) -> None:
        assert plan.warm_up_steps == 0 and plan.shifts == (0,)
        control = FillControl(m, plan)
        go, is_running, ends_fill = Signal(), Signal(), Signal()
        left = Signal(len(blocks))
        is_full = balance_flag(m, buffers, go & control.is_first_written, release, "is_full")
        m.d.comb += [
            go.eq(is_running & ~(control.is_first_written & is_full)),
            control.go.eq(go),
            ends_fill.eq(go & control.is_last),
        ]
        first_row = Signal(len(row))
        with m.If(start):
            m.d.sync += [left.eq(blocks - 1), is_running.eq(1), first_row.eq(0)]
        with m.Elif(ends_fill):
            m.d.sync += [
                left.eq(left - 1),
                is_running.eq(left != 0),
                first_row.eq(first_row + plan.group),
            ]
        m.d.sync += row.eq(first_row + control.digit)

        is_done = delay(m, ends_fill, FILL_LATENCY - 1, reset_less=False)
        is_empty = balance_flag(m, buffers, release, is_done, "is_empty", init=1)
        self.is_filled = Signal()
        m.d.comb += self.is_filled.eq(~is_empty)

        negative = delay(m, control.negative, 3)
        # A fill waits only before it has added anything: then the sum is zero anyway.
        clear = delay(m, control.clear | ~go, 3)
        self.entries: list[Value] = []
        for table in range(tables):
            sums = []
            for lane in range(lanes):
                name = f"entry_{table}_{lane}"
                entry = Signal(shape_of(leaf_range), reset_less=True, name=name)
                activation = activations[lane * tables + table]
                value = add_or_subtract(m, platform, entry, activation, negative, len(entry))
                m.d.sync += entry.eq(Mux(clear, 0, value))
                sums.append(entry)
            self.entries.append(Cat(sums))

        enable = delay(m, go & control.is_written, FILL_LATENCY, reset_less=False)
        entry_number = Loop(m, plan.entry_count, enable, "entry")
        row_bits = Signal(plan.entry_width)
        m.d.comb += row_bits.eq(entry_number.value)
        depth = 1 << plan.entry_width
        write_row: Value = row_bits
        self.read_half: Value = Const(0, 0)
        if buffers == 2:
            write_half = Loop(m, 2, enable & entry_number.is_last, "fill_half")
            self.read_half = Loop(m, 2, release, "look_up_half").value
            write_row = Cat(row_bits, write_half.value)
            depth *= 2
        self.write = TableWrite(depth, enable, write_row)
