"""A counter of a loop's steps, whose first and last step are known from registers.

Nested loops over blocks and planes need to know early in a cycle whether a step is the last one.
Comparing the counter costs a level of logic in front of every use, so the comparison is done one
step ahead and kept in a flip-flop. A loop of one step is all constants and costs nothing.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value

from .base import Cost, Device
from .base.cost_table import logic

__all__ = ["Loop", "loops_cost"]


class Loop:
    """A counter that wraps after ``limit`` steps.

    Parameters
    ----------
    m : :class:`Module`
        Where it is built.
    limit : :class:`int`
        Steps of the loop; 1 or more.
    step : one-bit value
        The loop advances at the end of a cycle in which this is high.
    name : :class:`str`
        Names the registers.
    init : :class:`int`
        The step after reset.

    Attributes
    ----------
    value, is_first, is_last
        The current step, and whether it is the first or the last; registers (or constants).
    """

    def __init__(self, m: Module, limit: int, step: Value, name: str, *, init: int = 0) -> None:
        if limit == 1:
            self.value: Value = Const(0, 1)
            self.is_first: Value = Const(1)
            self.is_last: Value = Const(1)
            return
        value = Signal(range(limit), name=f"{name}_value", init=init)
        is_first = Signal(name=f"{name}_is_first", init=init == 0)
        is_last = Signal(name=f"{name}_is_last", init=init == limit - 1)
        with m.If(step):
            m.d.sync += [
                value.eq(Mux(is_last, 0, value + 1)),
                is_first.eq(is_last),
                is_last.eq(value == limit - 2),
            ]
        self.value, self.is_first, self.is_last = value, is_first, is_last


def loops_cost(device: Device, *limits: int, firsts: tuple[int, ...] = ()) -> Cost:
    """Estimate of loops of so many steps: a counter and a flag for the last step each, and another
    flag for those of ``firsts``, of which the first step is asked for too."""
    bits = [(limit - 1).bit_length() for limit in (*limits, *firsts) if limit > 1]
    flags = len(bits) + sum(limit > 1 for limit in firsts)
    return logic(device, "loops", ff=sum(bits) + flags, bits=sum(bits), loops=len(bits))
