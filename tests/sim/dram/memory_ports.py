"""A small design with a read group and a writer on the same memory ports; sums what it reads."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from sterna_hw.memory_port import (
    ReadGroupConfig,
    WritePortConfig,
    read_signature,
    write_signature,
)

SUM_WIDTH = 64


class MemoryPorts(wiring.Component):
    """``total`` is the sum of the words' low halves, each times its number, port by port."""

    def __init__(self, reads: ReadGroupConfig, writes: WritePortConfig) -> None:
        self.reads, self.writes = reads, writes
        width = reads.address_width
        members: dict[str, Any] = {f"base{port}": In(width) for port in range(reads.ports)}
        both = {
            **read_signature(width).members,
            **write_signature(width).members,
        }
        super().__init__(
            {
                **members,
                "memory": Out(wiring.Signature(both)).array(reads.ports),
                "read_valid": In(1),
                "read_ready": Out(1),
                "read_address": In(width),
                "read_words": In(reads.words_width),
                "write_valid": In(1),
                "write_ready": Out(1),
                "write_port": In(writes.splitter.command["port"].width),
                "write_address": In(width),
                "write_words": In(writes.words_width),
                "word_valid": In(1),
                "word_ready": Out(1),
                "word_data": In(128),
                "word_last": In(1),
                "read_idle": Out(1),
                "write_idle": Out(1),
                "errors": Out(2),
                "total": Out(SUM_WIDTH),
                "count": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.group = group = self.reads.create()
        m.submodules.writer = writer = self.writes.create()
        for port in range(self.reads.ports):
            base = getattr(self, f"base{port}")
            m.d.comb += [group.base[port].eq(base), writer.base[port].eq(base)]
            for part, signature in ((group, read_signature), (writer, write_signature)):
                inner, outer = part.memory[port], self.memory[port]
                for name, member in signature(self.reads.address_width).members.items():
                    ends = (getattr(outer, name), getattr(inner, name))
                    if member.flow == In:
                        ends = ends[::-1]
                    m.d.comb += ends[0].eq(ends[1])
        m.d.comb += [
            group.command.valid.eq(self.read_valid),
            group.command.payload.address.eq(self.read_address),
            group.command.payload.words.eq(self.read_words),
            self.read_ready.eq(group.command.ready),
            writer.command.valid.eq(self.write_valid),
            writer.command.payload.address.eq(self.write_address),
            writer.command.payload.words.eq(self.write_words),
            writer.command.payload.port.eq(self.write_port),
            self.write_ready.eq(writer.command.ready),
            writer.data.valid.eq(self.word_valid),
            writer.data.payload.data.eq(self.word_data),
            writer.data.payload.last.eq(self.word_last),
            self.word_ready.eq(writer.data.ready),
            group.o.ready.eq(1),
            self.read_idle.eq(group.idle),
            self.write_idle.eq(writer.idle),
            self.errors.eq(group.error | writer.error << 1),
        ]
        number = Signal(32)
        m.d.comb += self.count.eq(number)
        with m.If(group.o.valid):
            parts = [group.o.payload.data[port][:32] for port in range(self.reads.ports)]
            m.d.sync += [
                number.eq(number + 1),
                self.total.eq(self.total + sum(parts) * (number[:8] + 1)),
            ]
        return m
