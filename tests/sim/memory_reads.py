"""A memory on the chip as a part with two streams: addresses of reads in, beats out.

A second stream of writes goes to rows that no read looks at, so that what is read does not depend
on which of them is first; their responses are taken and counted.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from sterna_hw.memory_port import OnChipMemoryConfig
from sterna_hw.memory_port.axi4 import BURST_INCREMENTING, SIZE_16_BYTES

__all__ = ["ADDRESS", "BEAT", "WRITE", "MemoryReads"]

ADDRESS = data.StructLayout({"row": 8, "length": 8})
WRITE = data.StructLayout({"row": 8, "data": 128})
BEAT = data.StructLayout({"data": 128, "last": 1, "response": 2})


class MemoryReads(wiring.Component):
    """Ports ``i`` (`ADDRESS`), ``writes`` (`WRITE`, one beat each) and ``o`` (`BEAT`)."""

    i: stream.Interface
    writes: stream.Interface
    o: stream.Interface

    def __init__(self, config: OnChipMemoryConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(ADDRESS)),
                "writes": In(stream.Signature(WRITE)),
                "o": Out(stream.Signature(BEAT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = self.config.create()
        is_asked = Signal()
        m.d.comb += [
            memory.araddr.eq(self.i.payload.row << 4),
            memory.arlen.eq(self.i.payload.length),
            memory.arvalid.eq(self.i.valid),
            self.i.ready.eq(memory.arready),
            # What comes with an error is junk.
            self.o.payload.data.eq(Mux(memory.rresp == 0, memory.rdata, 0)),
            self.o.payload.last.eq(memory.rlast),
            self.o.payload.response.eq(memory.rresp),
            self.o.valid.eq(memory.rvalid),
            memory.rready.eq(self.o.ready),
            # The address of a write, then its beat.
            memory.awaddr.eq(self.writes.payload.row << 4),
            memory.awvalid.eq(self.writes.valid & ~is_asked),
            memory.wdata.eq(self.writes.payload.data),
            memory.wstrb.eq(~0),
            memory.wlast.eq(1),
            memory.wvalid.eq(self.writes.valid & is_asked),
            self.writes.ready.eq(is_asked & memory.wready),
            memory.bready.eq(1),
        ]
        with m.If(memory.awvalid & memory.awready):
            m.d.sync += is_asked.eq(1)
        with m.Elif(memory.wvalid & memory.wready):
            m.d.sync += is_asked.eq(0)
        for channel in ("ar", "aw"):
            m.d.comb += [
                getattr(memory, f"{channel}size").eq(SIZE_16_BYTES),
                getattr(memory, f"{channel}burst").eq(BURST_INCREMENTING),
            ]
        return m
