"""Gathers codes of keys and values into records of the cache and hands them to the write port.

A record is a 16-byte header and the codes of all key heads of one token, 16 to a word. The header
of a value is zero: its scale is remembered for its lane until the key of the same token is written,
whose header holds both (attention needs the values' scales before it reads the values).

A command waits for the scale of its codes, then the header leaves, then each word as soon as its
codes are there. It knows nothing of memory: the command says port and address.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import IntegerRange
from ..beat import beat_signature
from .attention_command import (
    cache_command_layout,
    cache_scale_layout,
    write_command_layout,
    write_data_layout,
)

__all__ = ["CacheWriter", "CacheWriterConfig"]

CODE = IntegerRange.of_width(8, signed=True)


@dataclass(frozen=True)
class CacheWriterConfig:
    """A cache writer.

    Parameters
    ----------
    ports : :class:`int`
        Memory ports, 1 to 4.
    lanes : :class:`int`
        Token lanes, B.
    size : :class:`int`
        Codes of a record (key heads times head size), a multiple of 16.
    count : :class:`int`
        Codes a beat, V: a power of two up to 16.
    address_width : :class:`int`
        Bits of a byte address.
    """

    ports: int
    lanes: int
    size: int
    count: int
    address_width: int = 32

    @property
    def words(self) -> int:
        """Words of a record, with its header."""
        return 1 + self.size // 16

    def create(self) -> CacheWriter:
        return CacheWriter(self)


class CacheWriter(wiring.Component):
    """The writer.

    Attributes
    ----------
    command : stream of `cache_command_layout`, in
    scale : stream of `cache_scale_layout`, in
        The scale of each command's codes, in the order of commands.
    codes : stream of beats of V codes, in
        Frames of ``size`` codes, in the order of commands.
    write : stream of `write_command_layout`, out
    data : stream of `write_data_layout`, out
    idle : out
        No command is at work and nothing waits at the outputs.
    """

    command: stream.Interface
    scale: stream.Interface
    codes: stream.Interface
    write: stream.Interface
    data: stream.Interface
    idle: Signal

    def __init__(self, config: CacheWriterConfig) -> None:
        self.config = config
        ports, width = config.ports, config.address_width
        super().__init__(
            {
                "command": In(stream.Signature(cache_command_layout(config.lanes, ports, width))),
                "scale": In(stream.Signature(cache_scale_layout())),
                "codes": In(beat_signature(CODE, config.count)),
                "write": Out(stream.Signature(write_command_layout(ports, width, config.words))),
                "data": Out(stream.Signature(write_data_layout())),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        return Module()
