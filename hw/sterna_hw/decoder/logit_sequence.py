"""Logits of P rows at once, one after the other and with their row numbers.

The dot lanes finish P rows in the same cycle and then work on the next ones for many cycles. This
part takes the P sums into a register and gives the present ones in the order of rows,
``interval`` cycles apart, the first one cycle after they came. Rows count from 0 after ``start``.

P sums at once, at least P times ``interval`` cycles apart; it does not check that.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .attention_command import index_shape

__all__ = ["LogitSequence", "LogitSequenceConfig"]


@dataclass(frozen=True)
class LogitSequenceConfig:
    """For ``ports`` sums of ``width`` bits, up to ``rows`` rows."""

    ports: int
    width: int
    rows: int
    interval: int

    @property
    def latency(self) -> int:
        """Cycles from the sums to the last of their logits."""
        return 1 + (self.ports - 1) * self.interval

    def cost(self, device: Device) -> Cost:
        """Estimate: a register for all sums, that shifts."""
        return Cost(lut=self.ports * self.width + 24, ff=self.ports * self.width + 32)

    def create(self) -> LogitSequence:
        return LogitSequence(self)


class LogitSequence(wiring.Component):
    """The register.

    Attributes
    ----------
    start : in
        The next sums are those of rows 0 to P - 1.
    valid, sums, present : in
        Sums of P rows, and which of them are rows at all.
    found, index, logit : out
        A logit and its row.
    """

    start: Signal
    valid: Signal
    sums: data.View
    present: Signal
    found: Signal
    index: Signal
    logit: Signal

    def __init__(self, config: LogitSequenceConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "valid": In(1),
                "sums": In(data.ArrayLayout(signed(config.width), config.ports)),
                "present": In(config.ports),
                "found": Out(1),
                "index": Out(index_shape(config.rows)),
                "logit": Out(signed(config.width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        width = config.width
        held = Signal(width * config.ports, reset_less=True)
        present = Signal(config.ports)
        left = Signal(range(config.ports + 1))
        wait = Signal(range(max(2, config.interval)))
        moves = Signal()
        m.d.comb += [
            moves.eq((left != 0) & (wait == 0)),
            self.found.eq(moves & present[0]),
            self.logit.eq(held[:width].as_signed()),
        ]
        with m.If(self.valid):
            m.d.sync += [
                held.eq(Cat(self.sums)),
                present.eq(self.present),
                left.eq(config.ports),
                wait.eq(0),
            ]
        with m.Elif(moves):
            m.d.sync += [
                held.eq(held >> width),
                present.eq(present >> 1),
                left.eq(left - 1),
                wait.eq(config.interval - 1),
            ]
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.If(self.start):
            m.d.sync += self.index.eq(0)
        with m.Elif(moves):
            m.d.sync += self.index.eq(Mux(present[0], self.index + 1, self.index))
        return m
