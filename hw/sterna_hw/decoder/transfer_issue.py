"""Issues one transfer from memory: checks that it lies in the memory, then tells memory and router.

What is to be transferred stands at the inputs from ``start`` on until ``done``. Its end is summed
up, compared with the memory's size, and only then the command and the route are offered; each is
taken when its taker is ready. A transfer of nothing or beyond the memory is never offered:
``error`` stays until reset.

Latency: the offers stand `OFFER_CYCLES` after ``start``; ``done`` comes in the cycle after both are
taken, four cycles after ``start`` at the earliest.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .pass_layout import Route, read_command_layout

__all__ = ["DONE_CYCLES", "OFFER_CYCLES", "TransferIssue", "TransferIssueConfig"]

OFFER_CYCLES = 3
"""From ``start`` to the offers."""

DONE_CYCLES = 1
"""From the acceptance of the later one to ``done``."""


@dataclass(frozen=True)
class TransferIssueConfig:
    """For byte addresses of ``address_width`` bits, transfers of ``words_width`` bits, and sums of
    ``sum_width`` bits, in which nothing wraps."""

    address_width: int
    words_width: int
    sum_width: int

    def compute(self, address: int, words: int, memory_words: int) -> tuple[int, int] | None:
        """Byte address and words of the command; None if the transfer is out of range."""
        fits = words > 0 and address + words <= memory_words
        return (16 * address, words) if fits else None

    def cost(self, device: Device) -> Cost:
        return Cost(lut=2 * self.sum_width + 12, ff=self.sum_width + 10)

    def create(self) -> TransferIssue:
        return TransferIssue(self)


class TransferIssue(wiring.Component):
    """The unit.

    Attributes
    ----------
    start : in
        High for a cycle: the transfer stands.
    address, words, to : in
        Word address, number of words, and whose they are.
    memory_words : in
    command : stream of `read_command_layout`, out
    route : stream of `Route`, out
    end : out
        The word behind the transfer, from the cycle after ``start`` on.
    done : out
        High for a cycle: both are taken.
    error : out
    """

    start: Signal
    address: Signal
    words: Signal
    to: Signal
    memory_words: Signal
    command: stream.Interface
    route: stream.Interface
    end: Signal
    done: Signal
    error: Signal

    def __init__(self, config: TransferIssueConfig) -> None:
        self.config = config
        command = read_command_layout(config.address_width, config.words_width)
        super().__init__(
            {
                "start": In(1),
                "address": In(config.sum_width),
                "words": In(config.words_width + 1),
                "to": In(Route),
                "memory_words": In(config.address_width - 4),
                "command": Out(stream.Signature(command)),
                "route": Out(stream.Signature(Route)),
                "end": Out(config.sum_width),
                "done": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        in_range, some = Signal(), Signal()
        command_due, route_due = Signal(), Signal()
        m.d.comb += [
            self.command.payload.address.eq(self.address << 4),
            self.command.payload.words.eq(self.words),
            self.command.valid.eq(command_due),
            self.route.payload.eq(self.to),
            self.route.valid.eq(route_due),
        ]
        m.d.sync += [
            self.end.eq(self.address + self.words),
            in_range.eq(self.end <= self.memory_words),
            some.eq(self.words.any()),
        ]
        with m.If(self.command.ready):
            m.d.sync += command_due.eq(0)
        with m.If(self.route.ready):
            m.d.sync += route_due.eq(0)
        with m.FSM():
            with m.State("REST"):
                with m.If(self.start):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.next = "ISSUE"
            with m.State("ISSUE"):
                with m.If(in_range & some):
                    m.d.sync += [command_due.eq(1), route_due.eq(1)]
                    m.next = "ISSUED"
                with m.Else():
                    m.d.sync += self.error.eq(1)
                    m.next = "FAILED"
            with m.State("ISSUED"):
                with m.If(~command_due & ~route_due):
                    m.d.comb += self.done.eq(1)
                    m.next = "REST"
            with m.State("FAILED"):
                pass
        return m
