"""Checks the first word of the memory image: is there one, and is it of this model?

The first 16 bytes on port 0 hold, little-endian and 4 bytes each: magic, version, and the hash of
the model. The word that the fetcher asks for at the start of a run is compared with what the design
expects; a difference is an error that stays until reset.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .vector_command import word_layout

__all__ = ["IMAGE_MAGIC", "IMAGE_VERSION", "HeaderCheck", "HeaderCheckConfig"]

IMAGE_MAGIC = 0x4E525453
"""The bytes ``STRN``."""

IMAGE_VERSION = 1


@dataclass(frozen=True)
class HeaderCheckConfig:
    """For words of ``ports`` memory ports."""

    ports: int

    def compute(self, header: bytes, model_hash: int) -> bool:
        """Whether an image that begins so is the model's."""
        expected = (IMAGE_MAGIC, IMAGE_VERSION, model_hash)
        return header[:12] == b"".join(value.to_bytes(4, "little") for value in expected)

    def cost(self, device: Device) -> Cost:
        return Cost(lut=40, ff=6)

    def create(self) -> HeaderCheck:
        return HeaderCheck(self)


class HeaderCheck(wiring.Component):
    """The check.

    Attributes
    ----------
    i : stream of `word_layout`, in, always taken
    model_hash : in
    error : out
        A header was another model's, or none, until reset.
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
        word = self.i.payload.data[0]
        differs, taken = Signal(3), Signal()
        m.d.comb += self.i.ready.eq(1)
        m.d.sync += [
            taken.eq(self.i.valid),
            differs[0].eq(word[0:32] != IMAGE_MAGIC),
            differs[1].eq(word[32:64] != IMAGE_VERSION),
            differs[2].eq(word[64:96] != self.model_hash),
        ]
        with m.If(taken & differs.any()):
            m.d.sync += self.error.eq(1)
        return m
