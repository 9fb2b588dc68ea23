"""A UART: bytes as levels of a line, eight data bits, no parity, one stop bit, lowest bit first.

The transmitter holds the line for ``divisor`` cycles a bit, one more after the stop bit, and then
takes the next byte. The receiver brings the line into the clock domain by two registers, waits for
a falling edge, and looks at each bit in its middle; a byte whose stop bit is low is dropped. It
gives a byte in the cycle after the middle of the stop bit and cannot be held up. No break, no
handshake; both ends may differ in speed by a few percent, as with any UART that samples once a bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, Process, Step, Timing

__all__ = ["UartConfig", "UartReceiver", "UartTransmitter"]

BITS = 10
"""Of a byte on the line: start, eight of data, stop."""


@dataclass(frozen=True)
class UartConfig:
    """``divisor`` clock cycles a bit.

    Raises
    ------
    ValueError
        If the divisor is below 4, where the middle of a bit means nothing.
    """

    divisor: int

    def __post_init__(self) -> None:
        if self.divisor < 4:
            raise ValueError(f"Divisor of a UART must be 4 or more, not {self.divisor!r}")

    @classmethod
    def of_rate(cls, clock_hz: float, baud: float) -> UartConfig:
        """For a clock and a rate in bits a second.

        Raises
        ------
        ValueError
            If no whole divisor comes within 2 % of the rate.
        """
        divisor = round(clock_hz / baud) if baud > 0 else 0
        if divisor < 4 or abs(clock_hz / divisor / baud - 1) > 0.02:
            raise ValueError(
                f"Baud rate must be within 2 % of {clock_hz:g} Hz over a whole number of 4 or more,"
                f" not {baud:g}"
            )
        return cls(divisor)

    @property
    def cycles(self) -> int:
        """From byte to byte."""
        return BITS * self.divisor + 1

    def compute(self, content: bytes) -> list[int]:
        """The levels of the line, one a cycle, for bytes without gaps."""
        levels = []
        for byte in content:
            bits = [0, *(byte >> place & 1 for place in range(8)), 1]
            levels += [*(bit for bit in bits for _ in range(self.divisor)), 1]
        return levels

    def read(self, levels: Iterable[int]) -> bytes:
        """The bytes that a receiver finds in levels of a line, one a cycle."""
        line: Sequence[int] = [1, *levels, *[1] * self.cycles]
        content, at, half = bytearray(), 1, self.divisor // 2
        while at < len(line) - self.cycles:
            if line[at] or not line[at - 1]:
                at += 1
                continue
            middles = [line[at + self.divisor * bit + half] for bit in range(BITS)]
            if middles[0]:
                at += half + 1  # a spike
                continue
            at += self.divisor * (BITS - 1) + half + 1
            if middles[-1]:
                content.append(sum(bit << place for place, bit in enumerate(middles[1:9])))
        return bytes(content)

    def timing(self) -> Timing:
        """Of the transmitter: a byte is taken every `cycles` cycles."""
        return Timing(("i",), (), (Process("send", (Step(self.cycles, take=("i",)),)),))

    def cost(self, device: Device) -> Cost:
        """Estimate for both ends, compared with Yosys 0.70 on ECP5: counters, shift registers and
        control."""
        counter = (self.divisor - 1).bit_length()
        return Cost(lut=4 * counter + 50, ff=2 * counter + 30)

    def create_receiver(self) -> UartReceiver:
        return UartReceiver(self)

    def create_transmitter(self) -> UartTransmitter:
        return UartTransmitter(self)


class UartTransmitter(wiring.Component):
    """Ports: ``i``, a stream of bytes, and the line ``tx``."""

    def __init__(self, config: UartConfig) -> None:
        self.config = config
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        last = self.config.divisor - 1
        count, left = Signal(range(self.config.divisor)), Signal(range(BITS + 1))
        rest = Signal(9)
        m.d.comb += self.i.ready.eq(left == 0)
        with m.If(self.i.ready):
            with m.If(self.i.valid):
                m.d.sync += [
                    self.tx.eq(0),
                    rest.eq(Cat(self.i.payload, Const(1, 1))),
                    left.eq(BITS),
                    count.eq(last),
                ]
        with m.Elif(count == 0):
            m.d.sync += [
                self.tx.eq(rest[0]),
                rest.eq(Cat(rest[1:], Const(1, 1))),
                left.eq(left - 1),
                count.eq(last),
            ]
        with m.Else():
            m.d.sync += count.eq(count - 1)
        return m


class UartReceiver(wiring.Component):
    """Ports: the line ``rx``, and ``data``, a byte in each cycle with ``valid``."""

    def __init__(self, config: UartConfig) -> None:
        self.config = config
        super().__init__({"rx": In(1, init=1), "data": Out(8), "valid": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        divisor = self.config.divisor
        arriving, level, before = Signal(init=1), Signal(init=1), Signal(init=1)
        m.d.sync += [arriving.eq(self.rx), level.eq(arriving), before.eq(level), self.valid.eq(0)]
        count, left = Signal(range(divisor)), Signal(range(BITS + 1))
        with m.If(left == 0):
            with m.If(before & ~level):
                m.d.sync += [left.eq(BITS), count.eq(divisor // 2 - 1)]
        with m.Elif(count == 0):
            m.d.sync += [left.eq(left - 1), count.eq(divisor - 1)]
            with m.If((left == BITS) & level):
                m.d.sync += left.eq(0)  # a spike
            with m.If(left == 1):
                m.d.sync += self.valid.eq(level)
            with m.Else():
                m.d.sync += self.data.eq(Cat(self.data[1:], level))
        with m.Else():
            m.d.sync += count.eq(count - 1)
        return m
