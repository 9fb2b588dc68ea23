"""What the memory port of a weight stream is asked for: the image's header once, then its rows.

After ``start`` one word is asked for, the image's first, and compared with what the design expects
(`decoder.header_check`). If it is right, ``begun`` goes high and the region of the rows is asked
for, over and over, until reset. If it is wrong, ``wrong`` says so for a cycle, and the next
``start`` begins anew. The word itself only passes by: whoever takes the port's words as rows drops
those that come while ``begun`` is low.

``begun`` and the first of the endless commands come four cycles after the header's word. It knows
neither what is read nor how fast.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device
from .decoder.header_check import HeaderCheckConfig
from .memory_port.axi4 import BEAT_WIDTH

__all__ = ["WeightReads", "WeightReadsConfig"]

CHECK_CYCLES = 2
"""From a header's word to the verdict."""


@dataclass(frozen=True)
class WeightReadsConfig:
    """For a region of ``words`` words from ``offset`` bytes on, by commands of a layout (see
    `memory_port.command_layout`)."""

    offset: int
    words: int
    command: data.StructLayout

    def cost(self, device: Device) -> Cost:
        """Estimate: the check, and a few states."""
        return HeaderCheckConfig(1).cost(device) + Cost(lut=20, ff=12)

    def create(self) -> WeightReads:
        return WeightReads(self)


class WeightReads(wiring.Component):
    """The unit.

    Attributes
    ----------
    start : in
        Begin, if it has not begun and no header is on its way.
    image_hash : in
        What the image's header must hold.
    word, arrives : in
        A word of the port, and whether it is there and taken in this cycle.
    command : stream, out
    begun, wrong : out
    """

    start: Signal
    image_hash: Signal
    word: Signal
    arrives: Signal
    command: stream.Interface
    begun: Signal
    wrong: Signal

    def __init__(self, config: WeightReadsConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "image_hash": In(32),
                "word": In(BEAT_WIDTH),
                "arrives": In(1),
                "command": Out(stream.Signature(config.command)),
                "begun": Out(1),
                "wrong": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, command = self.config, self.command
        asks, awaits, begins = Signal(), Signal(), Signal()
        # High for a cycle, so many cycles after the header's word.
        arrived = Signal(CHECK_CYCLES + 1)
        check = HeaderCheckConfig(1).create()
        m.submodules.check = ResetInserter(begins)(check)
        m.d.comb += [
            begins.eq(self.start & ~asks & ~awaits & ~arrived.any() & ~self.begun),
            check.model_hash.eq(self.image_hash),
            check.i.payload.data[0].eq(self.word),
            check.i.valid.eq(self.arrives & awaits),
            command.valid.eq(asks | self.begun),
            command.payload.address.eq(config.offset),
            command.payload.words.eq(config.words),
        ]
        with m.If(asks):
            m.d.comb += [command.payload.address.eq(0), command.payload.words.eq(1)]
        m.d.sync += [arrived.eq(Cat(check.i.valid, arrived)), self.wrong.eq(0)]
        with m.If(begins):
            m.d.sync += [asks.eq(1), awaits.eq(1)]
        with m.If(asks & command.ready):
            m.d.sync += asks.eq(0)
        with m.If(check.i.valid):
            m.d.sync += awaits.eq(0)
        with m.If(arrived[-1]):
            m.d.sync += [self.begun.eq(~check.error), self.wrong.eq(check.error)]
        return m
