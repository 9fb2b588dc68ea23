"""Checks the first word of the memory image: is there one, of this design, each port on its own?

The first 16 bytes on every port hold, little-endian and 4 bytes each: magic, version, the hash of
the image, and the number of the port. The word that the fetcher asks for at the start of a run is
compared with what the design expects, on all ports at once; a difference is an error that stays
until reset. What follows the header is not looked at: whoever loads an image checks that.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .vector_command import word_layout

__all__ = ["IMAGE_MAGIC", "IMAGE_VERSION", "HeaderCheck", "HeaderCheckConfig"]

IMAGE_MAGIC = 0x4E525453
"""The bytes ``STRN``."""

IMAGE_VERSION = 2


@dataclass(frozen=True)
class HeaderCheckConfig:
    """For words of ``ports`` memory ports."""

    ports: int

    def compute(self, headers: Sequence[bytes], model_hash: int) -> bool:
        """Whether an image whose ports begin so is the model's."""
        expected = [
            struct.pack("<4I", IMAGE_MAGIC, IMAGE_VERSION, model_hash, port)
            for port in range(self.ports)
        ]
        return list(headers) == expected

    def cost(self, device: Device) -> Cost:
        return Cost(lut=44 * self.ports, ff=4 * self.ports + 2)

    def create(self) -> HeaderCheck:
        return HeaderCheck(self)


class HeaderCheck(wiring.Component):
    """The check.

    Attributes
    ----------
    i : stream of `word_layout`, in, always taken
    model_hash : in
    error : out
        A header was another model's or another port's, or none, until reset.
    """

    i: stream.Interface
    model_hash: Signal
    error: Signal

    def __init__(self, config: HeaderCheckConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(word_layout(config.ports))),
                "model_hash": In(32),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = self.i.payload.data
        differs, taken = Signal(4 * self.config.ports), Signal()
        m.d.comb += self.i.ready.eq(1)
        m.d.sync += taken.eq(self.i.valid)
        for port in range(self.config.ports):
            expected = (IMAGE_MAGIC, IMAGE_VERSION, self.model_hash, port)
            for number, value in enumerate(expected):
                found = words[port][32 * number : 32 * number + 32]
                m.d.sync += differs[4 * port + number].eq(found != value)
        with m.If(taken & differs.any()):
            m.d.sync += self.error.eq(1)
        return m
