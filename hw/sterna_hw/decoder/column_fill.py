"""Fills the tables of the decoder's engine from rows of its activation buffer.

As in `table_fill`, running adders walk through the plan of `table_plan`, and one small control
serves all. Here each step of the walk reads the row it adds: the buffer gives the same activation
of every group at once, so there is nothing to choose between.

Look-ups of a block of inputs take as many cycles as there are output blocks, often hundreds, so a
fill has time: the tables may be filled in parts, one after the other, by the adders of one part.

The control runs as many fills as a command has input blocks, one step a cycle, and waits only for a
free table (or half of a two-buffered one), before the first step of a fill. The row's address
follows the control by one cycle, its activations by two, the sum by four, when it is written. A
table is filled four cycles after the last step, and free again in the cycle after the last look-up
of its block: that look-up reads up to `LATEST_READ` cycles later, before anything is written.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ..add_subtract import add_or_subtract
from ..base import Cost, IntegerRange
from ..beat import shape_of
from ..credit import delay
from ..loop import Loop
from ..table_copies import TableWrite
from ..table_fill import FillControl, balance_flag
from ..table_plan import TablePlan
from .activation_buffer import ActivationBuffer
from .dsp_sums import FIELDS, LEAF_FIELD, pack_fields, running_sum

__all__ = ["FILL_LATENCY", "LATEST_READ", "ColumnFill", "fill_cost"]

FILL_LATENCY = 4
"""Cycles from the last step of a fill to the first cycle in which its table may be looked up."""

LATEST_READ = FILL_LATENCY + 1
"""Cycles from the acceptance of a look-up to the last one in which it may read a table."""


def fill_cost(leaf_range: IntegerRange, row: int, lanes: int, in_blocks: bool) -> Cost:
    """Estimate of the running adders for rows of so many elements of each lane."""
    if in_blocks:
        return Cost(dsp=row * -(-lanes // FIELDS))
    return Cost(lut=leaf_range.width, ff=leaf_range.width + 8) * (row * lanes)


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
    buffer : :class:`ActivationBuffer`
        Where activations are read; its ``row`` is driven here.
    tables : :class:`int`
        Tables of each lane: the elements of a row times a power of two.
    in_blocks : :class:`bool`
        Whether the adders are DSP48E2 blocks.

    Attributes
    ----------
    is_filled : one-bit signal
        The tables of the block that is up next are filled.
    read_half : value
        Which half holds them; no bits if there is one buffer.
    writes : list of :class:`TableWrite`
        Write port of each table.
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
        buffer: ActivationBuffer,
        tables: int,
        in_blocks: bool,
    ) -> None:
        assert plan.warm_up_steps == 0 and plan.shifts == (0,)
        control = FillControl(m, plan)
        parts = tables // buffer.config.row
        go, is_running, ends_fill, begins = Signal(), Signal(), Signal(), Signal()
        left = Signal(len(blocks))
        part = Loop(m, parts, go & control.is_last, "part")
        is_full = balance_flag(m, buffers, go & begins, release, "is_full")
        m.d.comb += [
            begins.eq(control.is_first_written & part.is_first),
            go.eq(is_running & ~(begins & is_full)),
            control.go.eq(go),
            ends_fill.eq(go & control.is_last & part.is_last),
        ]
        part_width = (parts - 1).bit_length()
        row, first_row = Signal.like(buffer.row), Signal(len(buffer.row) - part_width)
        with m.If(start):
            m.d.sync += [left.eq(blocks - 1), is_running.eq(1), first_row.eq(0)]
        with m.Elif(ends_fill):
            m.d.sync += [
                left.eq(left - 1),
                is_running.eq(left != 0),
                first_row.eq(first_row + plan.group),
            ]
        m.d.sync += row.eq(Cat(part.value[:part_width], first_row + control.digit))
        m.d.comb += buffer.row.eq(row)

        is_done = delay(m, ends_fill, FILL_LATENCY - 1, reset_less=False)
        is_empty = balance_flag(m, buffers, release, is_done, "is_empty", init=1)
        self.is_filled = Signal()
        m.d.comb += self.is_filled.eq(~is_empty)

        negative = delay(m, control.negative, 2)
        # A fill waits only before it has added anything: then the sum is zero anyway.
        clear = delay(m, control.clear | ~go, 3)
        adders = _block_adders if in_blocks else _logic_adders
        sums = adders(m, platform, leaf_range, buffer, negative, clear)
        self.entries = [sums[table % buffer.config.row] for table in range(tables)]

        enable = delay(m, go & control.is_written, FILL_LATENCY, reset_less=False)
        entry_number = Loop(m, plan.entry_count, enable, "entry")
        row_bits = Signal(plan.entry_width)
        m.d.comb += row_bits.eq(entry_number.value)
        depth = 1 << plan.entry_width
        enables = [
            delay(m, go & control.is_written & (part.value == n), FILL_LATENCY, reset_less=False)
            for n in range(parts)
        ]
        write_row: Value = row_bits
        self.read_half: Value = Const(0, 0)
        if buffers == 2:
            ends_half = enables[-1] & entry_number.is_last
            write_half = Loop(m, 2, ends_half, "fill_half")
            self.read_half = Loop(m, 2, release, "look_up_half").value
            write_row = Cat(row_bits, write_half.value)
            depth *= 2
        self.writes = [
            TableWrite(depth, enables[table // buffer.config.row], write_row)
            for table in range(tables)
        ]


def _logic_adders(
    m: Module,
    platform: object,
    leaf_range: IntegerRange,
    buffer: ActivationBuffer,
    negative: Value,
    clear: Value,
) -> list[Value]:
    """The sum of each element of a row, lanes side by side. The activations are added one cycle
    after they are there, ``negative`` comes with them, ``clear`` one cycle later."""
    config = buffer.config
    negative = delay(m, negative, 1)
    sums = []
    for number in range(config.row):
        lanes = []
        for lane in range(config.lanes):
            activation = delay(m, buffer.activations[lane * config.row + number], 1)
            name = f"entry_{number}_{lane}"
            entry = Signal(shape_of(leaf_range), reset_less=True, name=name)
            value = add_or_subtract(m, platform, entry, activation, negative, len(entry))
            m.d.sync += entry.eq(Mux(clear, 0, value))
            lanes.append(entry)
        sums.append(Cat(lanes))
    return sums


def _block_adders(
    m: Module,
    platform: object,
    leaf_range: IntegerRange,
    buffer: ActivationBuffer,
    negative: Value,
    clear: Value,
) -> list[Value]:
    """The same in DSP48E2 blocks, four lanes in each."""
    config = buffer.config
    sums = []
    for number in range(config.row):
        fields: list[Value] = []
        for low in range(0, config.lanes, FIELDS):
            lanes = range(low, min(low + FIELDS, config.lanes))
            activations = [buffer.activations[lane * config.row + number] for lane in lanes]
            word = pack_fields(activations, LEAF_FIELD)
            total = running_sum(m, platform, f"fill_{number}_{low}", word, negative, clear)
            fields += [
                total[place * LEAF_FIELD :][: leaf_range.width] for place in range(len(lanes))
            ]
        sums.append(Cat(fields))
    return sums
