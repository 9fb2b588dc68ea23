"""A counter of a loop whose limit is known at run time only; first and last step from registers.

As in `loop`, whether the step is the last one is known from a flip-flop, so that nested loops cost
no comparison in front of their use. What the comparison needs of a limit, it is given as a
register: the limit less two, and whether it is one. Several loops may share them.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value

__all__ = ["RunningLimit", "RunningLoop"]


class RunningLimit:
    """A limit (1 or more), kept from the cycle in which ``load`` is high."""

    def __init__(self, m: Module, load: Value, limit: Value, name: str) -> None:
        self.load, self.limit = load, limit
        self.is_one = Signal(name=f"{name}_is_one")
        self.less_two = Signal(len(limit), name=f"{name}_less_two")
        with m.If(load):
            m.d.sync += [self.is_one.eq(limit == 1), self.less_two.eq(limit - 2)]


class RunningLoop:
    """A counter that starts over when its limit is loaded and after so many steps.

    Attributes
    ----------
    value, is_first, is_last
        The current step, and whether it is the first or the last; registers.
    """

    def __init__(self, m: Module, limit: RunningLimit, step: Value, name: str) -> None:
        self.value = Signal(len(limit.limit), name=f"{name}_value")
        self.is_first = Signal(name=f"{name}_is_first", init=1)
        self.is_last = Signal(name=f"{name}_is_last")
        with m.If(limit.load):
            m.d.sync += [
                self.value.eq(0),
                self.is_first.eq(1),
                self.is_last.eq(limit.limit == 1),
            ]
        with m.Elif(step):
            m.d.sync += [
                self.value.eq(Mux(self.is_last, 0, self.value + 1)),
                self.is_first.eq(self.is_last),
                self.is_last.eq(Mux(self.is_last, limit.is_one, self.value == limit.less_two)),
            ]
