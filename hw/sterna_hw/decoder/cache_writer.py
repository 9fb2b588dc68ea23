"""Gathers codes of keys and values into records of the cache and hands them to the write port.

A record is a 16-byte header and the codes of all key heads of one token, 16 to a word. The header
of a value is zero: its scale is remembered for its lane until the key of the same token is written,
whose header holds both (attention needs the values' scales before it reads the values).

A command waits for the scale of its codes, then the header leaves, then each word as soon as its
codes are there: `CacheWriterConfig.record_cycles`. It knows nothing of memory: the command says
port and address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, IntegerRange
from ..beat import beat_signature
from ..loop import Loop
from ..stream_buffer import StreamBufferConfig
from .attention_command import (
    cache_command_layout,
    cache_scale_layout,
    write_command_layout,
    write_data_layout,
)
from .vector_command import scale_layout

__all__ = ["RECORD_END_CYCLES", "WORD_CYCLES", "WRITE_CYCLES", "CacheWriter", "CacheWriterConfig"]

WRITE_CYCLES = 1
"""From the acceptance of a command to the offer of its write; its header follows `WORD_CYCLES`
later."""

WORD_CYCLES = 2
"""From the last codes of a word to its offer."""

RECORD_END_CYCLES = 2
"""From the last codes of a record, words being taken at once, until the next command is taken."""

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

    def __post_init__(self) -> None:
        if not 1 <= self.ports <= 4:
            raise ValueError(f"Ports must be 1 to 4, not {self.ports!r}")
        if self.lanes < 1:
            raise ValueError(f"Lanes must be 1 or more, not {self.lanes!r}")
        if self.size < 16 or self.size % 16:
            raise ValueError(f"Size must be a positive multiple of 16, not {self.size!r}")
        if self.count not in (1, 2, 4, 8, 16):
            raise ValueError(f"Count must be 1, 2, 4, 8 or 16, not {self.count!r}")

    @property
    def words(self) -> int:
        """Words of a record, with its header."""
        return 1 + self.size // 16

    @property
    def record_cycles(self) -> int:
        """Cycles from a command to the last word, when codes are there and words are taken at
        once; the next command is taken in the cycle of that word."""
        return 1 + self.size // self.count + 2

    def compute(
        self, codes: np.ndarray, key_scale: tuple[int, int], value_scale: tuple[int, int]
    ) -> tuple[bytes, bytes]:
        """Records of a token's key and value, for codes ``(2, size)``: keys, values."""
        header = b"".join(
            mantissa.to_bytes(2, "little") + exponent.to_bytes(2, "little", signed=True)
            for mantissa, exponent in (key_scale, value_scale)
        )
        keys, values = (np.asarray(row, dtype=np.int8).tobytes() for row in codes)
        return header + bytes(8) + keys, bytes(16) + values

    def cost(self, device: Device) -> Cost:
        """Estimate: a word that gathers, two queues, the scales of the lanes."""
        queues = StreamBufferConfig(write_data_layout()).cost(device)
        queues += StreamBufferConfig(self.write_layout).cost(device)
        return queues + Cost(lut=28 + 64 + 30, ff=128 + 64 + 30)

    @property
    def write_layout(self) -> StructLayout:
        """Layout of a write's command."""
        return write_command_layout(self.ports, self.address_width, self.words)

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
                "write": Out(stream.Signature(config.write_layout)),
                "data": Out(stream.Signature(write_data_layout())),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.writes = writes = StreamBufferConfig(config.write_layout).create()
        m.submodules.words = words = StreamBufferConfig(write_data_layout()).create()
        wiring.connect(m, wiring.flipped(self.write), writes.o)
        wiring.connect(m, wiring.flipped(self.data), words.o)

        # A command is taken together with its scale.
        rests, begins = Signal(init=1), Signal()
        command, scale = self.command.payload, self.scale.payload.scale
        m.d.comb += [
            begins.eq(rests & writes.i.ready & self.command.valid & self.scale.valid),
            self.command.ready.eq(rests & writes.i.ready & self.scale.valid),
            self.scale.ready.eq(rests & writes.i.ready & self.command.valid),
            writes.i.valid.eq(begins),
            writes.i.payload.port.eq(command.port),
            writes.i.payload.address.eq(command.address),
            writes.i.payload.words.eq(config.words),
            self.idle.eq(rests & ~self.write.valid & ~self.data.valid),
        ]
        header = self._header(m, begins, command, scale)

        # ``collects`` is low again when the last codes of the record have come: those of the next
        # record may wait already.
        gathered = Signal(128, reset_less=True)
        is_full, is_header, collects, pushed = Signal(), Signal(), Signal(), Signal()
        taken = self.codes.valid & self.codes.ready
        part = Loop(m, 16 // config.count, taken, "part")
        completes = taken & part.is_last
        word = Loop(m, config.words - 1, completes, "word")
        m.d.comb += [
            self.codes.ready.eq(collects & (~is_full | words.i.ready)),
            pushed.eq(is_full & words.i.ready),
            words.i.valid.eq(is_full),
            words.i.payload.data.eq(gathered),
            words.i.payload.last.eq(~collects),
        ]
        m.d.sync += is_header.eq(begins)
        with m.If(is_header):
            m.d.sync += gathered.eq(header)
        with m.Elif(taken):
            m.d.sync += gathered.eq(Cat(gathered, Cat(self.codes.payload.data))[8 * config.count :])
        with m.If(is_header | completes):
            m.d.sync += is_full.eq(1)
        with m.Elif(pushed):
            m.d.sync += is_full.eq(0)
        with m.If(is_header):
            m.d.sync += collects.eq(1)
        with m.Elif(completes & word.is_last):
            m.d.sync += collects.eq(0)
        with m.If(begins):
            m.d.sync += rests.eq(0)
        with m.Elif(pushed & ~collects):
            m.d.sync += rests.eq(1)
        return m

    def _header(self, m: Module, begins: Value, command: Any, scale: Any) -> Value:
        """The header of the record, in the cycle after ``begins``; keeps the scales of values."""
        m.submodules.scales = scales = memory.Memory(
            shape=scale_layout(),
            depth=self.config.lanes,
            init=[],
            attrs={"ram_style": "distributed"},
        )
        write, read = scales.write_port(), scales.read_port(domain="comb")
        m.d.comb += [
            write.addr.eq(command.lane),
            write.data.eq(scale),
            write.en.eq(begins & ~command.is_key),
            read.addr.eq(command.lane),
        ]
        header = Signal(128, reset_less=True)
        fields = [
            part
            for source in (scale, read.data)
            for part in (source.mantissa, source.exponent, source.exponent[-1].replicate(4))
        ]
        m.d.sync += header.eq(Mux(command.is_key, Cat(fields), 0))
        return header
