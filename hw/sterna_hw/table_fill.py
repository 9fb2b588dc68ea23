"""Fills the tables of the look-up engine: one running adder per table and lane.

All tables are filled in step by one small control, which walks through the plan of `table_plan`. In
each step every adder adds or subtracts one activation of its group, and the sum is written one
entry further. The activations are read from the beat that stands on the engine's input. Three
stages follow the control, one cycle each: choose the activation, add it, write the sum.

A beat is taken in the cycle in which its last activation is chosen, one after the control's last
step. The next fill's first step only clears the adders, so it runs meanwhile, and the second step
finds the next beat: fills follow each other without a gap. Everything with many loads, the choice
of the activation above all, comes from a register that nothing holds up.

A table (or half of a two-buffered one) is free until the first written step of a fill and again in
the cycle after the last look-up of its block; it is filled three cycles after the last step, when
the last write can no longer be missed by a look-up. A fill that finds no free table waits with its
first written step, so steps before it are done by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream

from .add_subtract import add_or_subtract
from .beat import shape_of
from .credit import delay
from .loop import Loop
from .table_plan import TablePlan

if TYPE_CHECKING:
    from .table_matmul import TableMatmulConfig

__all__ = ["FillControl", "TableFill", "balance_flag"]


class TableFill:
    """The filling side of the engine.

    Parameters
    ----------
    m : :class:`Module`
        Where it is built.
    platform
        What is elaborated for.
    config : :class:`TableMatmulConfig`
        The engine's.
    beats : stream interface
        The engine's input; its ``ready`` is driven here.
    release : one-bit value
        The last look-up of a block is accepted in this cycle.

    Attributes
    ----------
    is_filled : one-bit signal
        The tables of the block that is up next are filled.
    read_half : value
        Which half holds them; no bits if there is one buffer.
    depth : :class:`int`
        Rows of a table's memory.
    write_enable, write_row : values
        Common write port of all tables.
    entries : list of values
        Data to be written, by table; lanes side by side.
    """

    def __init__(
        self,
        m: Module,
        platform: object,
        config: TableMatmulConfig,
        beats: stream.Interface,
        release: Value,
    ) -> None:
        plan = config.plan
        control = FillControl(m, plan)
        go, take = Signal(), Signal()
        is_full = balance_flag(m, config.buffers, go & control.is_first_written, release, "is_full")
        is_done = delay(m, take, 1, reset_less=False)
        is_empty = balance_flag(m, config.buffers, release, is_done, "is_empty", init=1)
        self.is_filled = Signal()
        m.d.comb += [
            # The first step needs no beat; from the second on the beat stands until it is taken.
            go.eq(~(control.is_first_read & ~beats.valid) & ~(control.is_first_written & is_full)),
            control.go.eq(go),
            beats.ready.eq(take),
            self.is_filled.eq(~is_empty),
        ]
        m.d.sync += take.eq(go & control.is_last)
        self.entries = _running_adders(m, platform, config, beats, control, go)
        self.write_enable = delay(m, go & control.is_written, 3, reset_less=False)
        row = Loop(m, plan.entry_count, self.write_enable, "entry")
        row_bits = Signal(plan.entry_width)
        m.d.comb += row_bits.eq(row.value)
        self.depth = 1 << plan.entry_width
        self.write_row: Value = row_bits
        self.read_half: Value = Signal(0)
        if config.buffers == 2:
            write_half = Loop(m, 2, self.write_enable & row.is_last, "fill_half")
            self.read_half = Loop(m, 2, release, "look_up_half").value
            self.write_row = Cat(row_bits, write_half.value)
            self.depth *= 2


def balance_flag(
    m: Module, count: int, rise: Value, fall: Value, name: str, *, init: int = 0
) -> Signal:
    """A register: ``rise`` has been seen ``count`` times more than ``fall`` (1 or 2 times).

    It starts with all of them seen if ``init`` is set.
    """
    flag = Signal(name=name, init=init)
    if count == 1:
        with m.If(rise):
            m.d.sync += flag.eq(1)
        with m.Elif(fall):
            m.d.sync += flag.eq(0)
        return flag
    is_half = Signal(name=f"{name}_by_half")
    with m.If(rise & ~fall):
        m.d.sync += [flag.eq(is_half), is_half.eq(~is_half)]
    with m.Elif(fall & ~rise):
        m.d.sync += [flag.eq(0), is_half.eq(~is_half)]
    return flag


def _running_adders(
    m: Module,
    platform: object,
    config: TableMatmulConfig,
    beats: stream.Interface,
    control: FillControl,
    go: Value,
) -> list[Value]:
    """The sums, three cycles behind the control; lanes side by side."""
    plan = config.plan
    digit = delay(m, control.digit, 1)
    negative = delay(m, control.negative, 2)
    is_shifted = delay(m, control.is_shifted, 2)
    is_active = delay(m, go, 2, reset_less=False)
    if plan.warm_up_steps:
        # Warm-up may have to wait before the first written step: then the sum waits too.
        clear = delay(m, control.clear, 2)
    else:
        # A fill waits only before it has added anything: then the sum is still zero.
        clear = delay(m, control.clear | ~go, 2)
    low_shift, *high_shifts = plan.shifts
    elements = beats.payload.data
    entries: list[Value] = []
    for table in range(config.tables):
        sums = []
        for lane in range(config.lanes):
            first = lane * config.block_inputs + table * config.group
            operand = Signal(shape_of(config.input_range), reset_less=True)
            with m.Switch(digit):
                for number in reversed(range(config.group)):
                    with m.Case(number) if number else m.Default():
                        m.d.sync += operand.eq(elements[first + number])
            shifted = Signal.like(operand << max(plan.shifts))
            m.d.comb += shifted.eq(operand << low_shift)
            for number, shift in enumerate(high_shifts):
                with m.If(is_shifted[number]):
                    m.d.comb += shifted.eq(operand << shift)
            name = f"entry_{table}_{lane}"
            entry = Signal(shape_of(config.leaf_range), reset_less=True, name=name)
            value = add_or_subtract(m, platform, entry, shifted, negative, len(entry))
            with m.If(clear):
                m.d.sync += entry.eq(0)
            with m.Elif(is_active) if plan.warm_up_steps else m.Else():
                m.d.sync += entry.eq(value)
            sums.append(entry)
        entries.append(Cat(sums))
    return entries


class FillControl:
    """Walks through the steps of a plan; all outputs are registers that describe the next step."""

    def __init__(self, m: Module, plan: TablePlan) -> None:
        steps = plan.steps
        high_shifts = plan.shifts[1:]
        last = len(steps) - 1
        columns = {
            "number": range(len(steps)),
            "digit": [step.digit or 0 for step in steps],
            "clear": [int(step.digit is None) for step in steps],
            "negative": [int(step.negative) for step in steps],
            # One bit for each shift beyond the smallest.
            "is_shifted": [
                1 << high_shifts.index(step.shift) if step.shift in high_shifts else 0
                for step in steps
            ],
            "is_written": [int(step.is_written) for step in steps],
            "is_first_read": [int(n == 1) for n in range(len(steps))],
            "is_first_written": [int(n == plan.warm_up_steps) for n in range(len(steps))],
            "is_last": [int(n == last) for n in range(len(steps))],
        }
        registers = {
            name: Signal(range(max(*column, 1) + 1), init=column[0], name=f"fill_{name}")
            for name, column in columns.items()
        }
        self.go = Signal()
        self.digit, self.clear = registers["digit"], registers["clear"]
        self.negative, self.is_shifted = registers["negative"], registers["is_shifted"]
        self.is_written, self.is_last = registers["is_written"], registers["is_last"]
        self.is_first_read = registers["is_first_read"]
        self.is_first_written = registers["is_first_written"]
        with m.If(self.go):
            with m.Switch(registers["number"]):
                for place in range(len(steps)):
                    with m.Case(place):
                        following = 0 if place == last else place + 1
                        m.d.sync += [
                            register.eq(columns[name][following])
                            for name, register in registers.items()
                        ]
