"""One AXI4 read port with its prefetch memory: bursts in, rows of 16 bytes stored for a reader.

A burst is issued only when its beats have a place reserved in the memory, so data always finds room
and RREADY is constantly high. Free places are counted in beats; the comparison with a burst's
length is done a cycle ahead, which a counter that only grows in between allows. Arriving beats go
through a register into the memory; ``is_stored`` says that the reader may fetch a row, in order,
and ``data`` holds it two cycles after its address.

Responses other than OKAY, an RLAST in the wrong place and data that nobody asked for set ``error``
until reset. A burst may be issued every second cycle. Reset while bursts are under way leaves
answers to come: reset the memory too, or wait for idleness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..stream_buffer import StreamBufferConfig
from .axi4 import BEAT_WIDTH, BURST_INCREMENTING, SIZE_16_BYTES, read_signature

if TYPE_CHECKING:
    from .read_group import ReadGroupConfig

__all__ = ["ReadPort"]


class ReadPort(wiring.Component):
    """The port.

    Attributes
    ----------
    bursts : stream of bursts, in
    base : in
        Added to the bursts' addresses.
    memory : AXI4 read interface, out
    is_stored : out
        A row that has not been fetched is in the memory (a register).
    fetch : in
        Fetches the next row; only while ``is_stored``.
    row : in
        Its number: the reader counts.
    data : out
        The row, two cycles later.
    error : out
    """

    bursts: stream.Interface
    base: Signal
    memory: Any
    is_stored: Signal
    fetch: Signal
    row: Signal
    data: Signal
    error: Signal

    def __init__(self, config: ReadGroupConfig, number: int) -> None:
        self.config = config
        self.rows = config.memory(number)
        super().__init__(
            {
                "bursts": In(stream.Signature(config.splitter.burst)),
                "base": In(config.address_width),
                "memory": Out(read_signature(config.address_width)),
                "is_stored": Out(1),
                "fetch": In(1),
                "row": In(self.rows.address_width),
                "data": Out(BEAT_WIDTH),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lengths = StreamBufferConfig(8, self.config.outstanding).create()
        m.submodules.lengths = lengths
        arrived, ends = Signal(), Signal()
        issue = self._issue(m, ends)
        m.d.comb += [
            lengths.i.valid.eq(issue),
            lengths.i.payload.eq(self.bursts.payload.length),
        ]
        self._receive(m, lengths, arrived, ends)
        self._store(m, arrived)
        return m

    def _issue(self, m: Module, ends: Signal) -> Signal:
        """Bursts to the address channel, when beats and burst have places."""
        config, axi = self.config, self.memory
        length = self.bursts.payload.length
        free = Signal(range(config.fifo_words + 1), init=config.fifo_words)
        slots = Signal(range(-1, max(config.outstanding, 2)), init=config.outstanding - 1)
        may_issue, issue = Signal(), Signal()
        address = Signal(config.address_width, reset_less=True)
        m.d.comb += [
            issue.eq(may_issue & (~axi.arvalid | axi.arready)),
            self.bursts.ready.eq(issue),
            axi.arsize.eq(SIZE_16_BYTES),
            axi.arburst.eq(BURST_INCREMENTING),
        ]
        m.d.sync += [
            may_issue.eq(self.bursts.valid & (free > length) & ~slots[-1] & ~issue),
            address.eq(self.base + self.bursts.payload.address),
        ]
        with m.If(issue):
            m.d.sync += [axi.arvalid.eq(1), axi.araddr.eq(address), axi.arlen.eq(length)]
        with m.Elif(axi.arready):
            m.d.sync += axi.arvalid.eq(0)
        with m.If(issue ^ ends):
            m.d.sync += slots.eq(slots + Mux(ends, 1, -1))
        # One adder: ~length is -(length + 1), and a fetched row comes in as the carry.
        taken = Mux(issue, Cat(~length, Const(-1, len(free))), 0)[: len(free)]
        total = Cat(Const(1, 1), free) + Cat(self.fetch, taken)
        m.d.sync += free.eq(total[1:])
        return issue

    def _receive(self, m: Module, lengths: Any, arrived: Signal, ends: Signal) -> None:
        """One register behind the data channel: counts the beats of each burst and checks them."""
        axi = self.memory
        is_last, response = Signal(), Signal(2)
        left, is_inside = Signal(8), Signal()
        current = Signal(8)
        m.d.comb += [
            axi.rready.eq(1),
            current.eq(Mux(is_inside, left, lengths.o.payload)),
            ends.eq(arrived & (current == 0)),
            lengths.o.ready.eq(arrived & ~is_inside),
        ]
        m.d.sync += [arrived.eq(axi.rvalid), is_last.eq(axi.rlast), response.eq(axi.rresp)]
        with m.If(arrived):
            m.d.sync += [left.eq(current - 1), is_inside.eq(current != 0)]
            unasked = ~is_inside & ~lengths.o.valid
            wrong = unasked | (response != 0) | (is_last != (current == 0))
            m.d.sync += self.error.eq(self.error | wrong)

    def _store(self, m: Module, arrived: Signal) -> None:
        m.submodules.rows = rows = self.rows.create()
        stored = Signal(range(-1, max(self.config.fifo_words, 2)), init=-1)
        with m.If(arrived ^ self.fetch):
            m.d.sync += stored.eq(stored + Mux(arrived, 1, -1))
        write_row = Signal(range(self.rows.depth))
        with m.If(arrived):
            is_last_row = write_row == self.rows.depth - 1
            m.d.sync += write_row.eq(Mux(is_last_row, 0, write_row + 1))
        arriving = Signal(BEAT_WIDTH, reset_less=True)
        m.d.sync += arriving.eq(self.memory.rdata)
        m.d.comb += [
            self.is_stored.eq(~stored[-1]),
            rows.load.enable.eq(arrived),
            rows.load.address.eq(write_row),
            rows.load.data.eq(arriving),
            rows.address.eq(self.row),
            self.data.eq(rows.data),
        ]
