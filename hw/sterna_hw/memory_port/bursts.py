"""Cuts a transfer into AXI4 bursts.

Bursts end at multiples of ``burst_beats`` beats, a power of two of at most 256, so that every burst
but the first and the last is full and none crosses a multiple of 4 KB. A first cycle takes the
command, a second one finds the length of the next burst, and from the third on it is offered: two
cycles a burst and one more a command, far less than the beats take unless bursts are very short.

`split` says the same in Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .axi4 import BEAT_BYTES, OFFSET_WIDTH, command_layout

__all__ = ["BurstSplitter", "BurstSplitterConfig"]


@dataclass(frozen=True)
class BurstSplitterConfig:
    """Parameters of the splitter.

    Parameters
    ----------
    address_width, words_width : :class:`int`
        Bits of a command's byte address and number of words.
    burst_beats : :class:`int`
        Beats of a full burst: a power of two, 2 to 256.
    ports : :class:`int`
        Ports that a command chooses from; 0 if it does not choose.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    address_width: int
    words_width: int
    burst_beats: int
    ports: int = 0

    def __post_init__(self) -> None:
        if not 13 <= self.address_width <= 64:
            raise ValueError(f"Address width must be within 13 to 64, not {self.address_width!r}")
        if not 1 <= self.words_width <= 32:
            raise ValueError(f"Words width must be within 1 to 32, not {self.words_width!r}")
        if not 2 <= self.burst_beats <= 256 or self.burst_beats & (self.burst_beats - 1):
            raise ValueError(
                f"Burst beats must be a power of two from 2 to 256, not {self.burst_beats!r}"
            )
        if self.ports < 0:
            raise ValueError(f"Ports must be 0 or more, not {self.ports!r}")

    @property
    def command(self) -> data.StructLayout:
        return command_layout(self.address_width, self.words_width, self.ports)

    @property
    def burst(self) -> data.StructLayout:
        """``address`` in bytes, ``length`` in beats less one, ``port``, and whether it is the last
        one of its command."""
        members = {"address": self.address_width, "length": 8, "last": 1}
        if self.ports:
            members["port"] = self.command["port"].width
        return data.StructLayout(members)

    def split(self, address: int, words: int) -> Iterator[tuple[int, int]]:
        """Address and number of beats of each burst."""
        while words:
            beats = min(words, self.burst_beats - address // BEAT_BYTES % self.burst_beats)
            yield address, beats
            address, words = address + beats * BEAT_BYTES, words - beats

    def cost(self, device: Device) -> Cost:
        """Estimate: a few adders over address and words."""
        bits = self.address_width + self.words_width
        return Cost(lut=2 * bits, ff=2 * bits)

    def create(self) -> BurstSplitter:
        return BurstSplitter(self)


class BurstSplitter(wiring.Component):
    """The splitter.

    Attributes
    ----------
    i : stream of commands, in
        With 1 word or more.
    o : stream of bursts, out
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: BurstSplitterConfig) -> None:
        self.config = config
        super().__init__(
            {"i": In(stream.Signature(config.command)), "o": Out(stream.Signature(config.burst))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        beat_bits = config.burst_beats.bit_length() - 1
        address = Signal(config.address_width - OFFSET_WIDTH)
        left = Signal(config.words_width)
        beats, room = Signal(beat_bits + 1), Signal(beat_bits + 1)
        ends = Signal()
        m.d.comb += [
            room.eq(config.burst_beats - address[:beat_bits]),
            ends.eq(left <= room),
        ]
        # A burst is held here while it is offered.
        valid, idle = Signal(), Signal(init=1)
        m.d.comb += [self.o.valid.eq(valid), self.i.ready.eq(idle)]
        with m.If(idle):
            m.d.sync += [
                address.eq(self.i.payload.address[OFFSET_WIDTH:]),
                left.eq(self.i.payload.words),
                idle.eq(~self.i.valid),
            ]
            if config.ports:
                m.d.sync += self.o.payload.port.eq(self.i.payload.port)
        with m.Elif(~valid):
            chosen = Mux(ends, left, room)[: beat_bits + 1]
            m.d.sync += [
                valid.eq(1),
                beats.eq(chosen),
                self.o.payload.address.eq(Cat(Const(0, OFFSET_WIDTH), address)),
                self.o.payload.length.eq(chosen - 1),
                self.o.payload.last.eq(ends),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += [
                valid.eq(0),
                address.eq(address + beats),
                left.eq(left - beats),
                idle.eq(self.o.payload.last),
            ]
        return m
