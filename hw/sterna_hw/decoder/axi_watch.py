"""Knows whether anything is under way on AXI4 memory ports, and whether anything moves there.

Counts, for each port, reads whose last beat has not come and writes that are not acknowledged.
``quiet`` says that for some cycles there has been none, nor an address or data on offer: then the
managers behind the ports may be reset without leaving the memory in the middle of a transfer.
``moved`` is high for a cycle for every beat in either direction.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device

__all__ = ["AxiWatch", "AxiWatchConfig"]

_CALM_CYCLES = 15


@dataclass(frozen=True)
class AxiWatchConfig:
    """A watch on ``ports`` ports; at most 255 transfers of a kind are under way on each."""

    ports: int

    def cost(self, device: Device) -> Cost:
        return Cost(lut=30 * self.ports + 10, ff=22 * self.ports + 8)

    def create(self) -> AxiWatch:
        return AxiWatch(self)


class AxiWatch(wiring.Component):
    """The watch.

    Attributes
    ----------
    read_begins, read_ends, write_begins, write_ends : in, one bit a port
        Transfers of read addresses, of last read beats, of write addresses, of responses.
    offers, beats : in, one bit a port
        An address or data stand on offer; a beat is transferred.
    quiet, moved : out
    """

    read_begins: Signal
    read_ends: Signal
    write_begins: Signal
    write_ends: Signal
    offers: Signal
    beats: Signal
    quiet: Signal
    moved: Signal

    def __init__(self, config: AxiWatchConfig) -> None:
        self.config = config
        names = ("read_begins", "read_ends", "write_begins", "write_ends", "offers", "beats")
        super().__init__(
            {**{name: In(config.ports) for name in names}, "quiet": Out(1), "moved": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        busy: list[Value] = []
        for begins, ends in (
            (self.read_begins, self.read_ends),
            (self.write_begins, self.write_ends),
        ):
            for port in range(self.config.ports):
                count = Signal(8)
                with m.If(begins[port] ^ ends[port]):
                    m.d.sync += count.eq(count + Mux(begins[port], 1, -1))
                busy.append(count.any())
        calm, is_busy = Signal(range(_CALM_CYCLES + 1)), Signal()
        m.d.sync += [
            is_busy.eq(Cat(busy).any() | self.offers.any()),
            self.moved.eq(self.beats.any()),
            self.quiet.eq(calm == _CALM_CYCLES),
        ]
        with m.If(is_busy):
            m.d.sync += calm.eq(0)
        with m.Elif(calm != _CALM_CYCLES):
            m.d.sync += calm.eq(calm + 1)
        return m
