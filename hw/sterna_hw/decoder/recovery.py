"""What happens after an error: stop, wait for memory to come to rest, reset, be fit again.

Any fatal error halts the run for good: nothing new is asked of memory, and what is under way comes
in. When software asks for recovery (it may also do so to stop a run), the unit waits until no
transfer is under way on any memory port, resets everything behind the registers for a few cycles,
and is idle again. Should memory never answer, recovery never ends: then only the reset of the whole
design helps, and of the memory's side with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device

__all__ = ["Recovery", "RecoveryConfig"]

_RESET_CYCLES = 8


@dataclass(frozen=True)
class RecoveryConfig:
    """There is nothing to choose."""

    def cost(self, device: Device) -> Cost:
        return Cost(lut=8, ff=8)

    def create(self) -> Recovery:
        return Recovery()


class Recovery(wiring.Component):
    """The unit.

    Attributes
    ----------
    fatal : in
        Something failed.
    recover : in
        High for a cycle: software wants a fresh start.
    quiet : in
        Nothing is under way on the memory ports; looked at a few cycles after ``halt``.
    halt, failed, recovering, reset : out
    """

    fatal: Signal
    recover: Signal
    quiet: Signal
    halt: Signal
    failed: Signal
    recovering: Signal
    reset: Signal

    def __init__(self) -> None:
        inputs, outputs = ("fatal", "recover", "quiet"), ("halt", "failed", "recovering", "reset")
        super().__init__({**dict.fromkeys(inputs, In(1)), **dict.fromkeys(outputs, Out(1))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = Signal(range(4 * _RESET_CYCLES))
        m.d.sync += [self.reset.eq(0), count.eq(count + 1)]
        with m.FSM():
            with m.State("FIT"):
                with m.If(self.recover):
                    m.d.sync += [self.halt.eq(1), self.recovering.eq(1), count.eq(0)]
                    m.next = "STOPPING"
                with m.Elif(self.fatal):
                    m.d.sync += [self.halt.eq(1), self.failed.eq(1)]
                    m.next = "FAILED"
            with m.State("FAILED"):
                with m.If(self.recover):
                    m.d.sync += [self.recovering.eq(1), count.eq(0)]
                    m.next = "STOPPING"
            # What was asked for just before the halt may still be on its way to the ports.
            with m.State("STOPPING"):
                with m.If(count == 4 * _RESET_CYCLES - 1):
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.sync += count.eq(0)
                with m.If(self.quiet):
                    m.next = "RESET"
            with m.State("RESET"):
                m.d.sync += self.reset.eq(1)
                with m.If(count == _RESET_CYCLES - 1):
                    m.next = "RESTED"
            # The errors that were there are gone only after the reset has reached them.
            with m.State("RESTED"):
                with m.If(count == 2 * _RESET_CYCLES - 1):
                    m.d.sync += [self.halt.eq(0), self.failed.eq(0), self.recovering.eq(0)]
                    m.next = "FIT"
        return m
