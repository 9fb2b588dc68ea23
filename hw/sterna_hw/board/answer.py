"""Sends answers over a serial line: head, body, checksum, a byte at a time.

Told to ``begin``, the sender takes kind, length and body as they are in that cycle, and sends an
answer as `protocol` says it. The body is up to five bytes that come with the order, lowest first,
or as many bytes of the accelerator's result as the length says, taken from the pins of
`sterna_hw.pin_harness` as they come. A byte a cycle at most; it ``rests`` when all is sent.
"""

from __future__ import annotations

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from ..pin_harness import STREAM_PINS
from .protocol import SYNC

__all__ = ["RESULT_PINS", "AnswerSender"]

RESULT_PINS = {name: STREAM_PINS[name] for name in ("tx_data", "tx_valid", "tx_ready")}
"""Of the harness, those that a result comes by."""


class AnswerSender(wiring.Component):
    """Ports: the order (``begin`` with ``kind``, ``length`` in bytes, ``body``, and whether the
    body is a result, ``from_stream``), ``rests``, the stream ``o`` of bytes and, with
    ``has_streams``, the pins of results."""

    def __init__(self, has_streams: bool) -> None:
        self.has_streams = has_streams
        pins = RESULT_PINS if has_streams else {}
        super().__init__(
            {
                "begin": In(1),
                "kind": In(8),
                "length": In(16),
                "body": In(40),
                "from_stream": In(1),
                "rests": Out(1),
                "o": Out(stream.Signature(8)),
                **{name: member.flip() for name, member in pins.items()},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = catalog.CRC16_IBM_3740(data_width=8).create()
        kind, left, body, streams = Signal(8), Signal(16), Signal(40), Signal()
        place = Signal(2)
        head = Array([Const(SYNC, 8), kind, left[:8], left[8:]])
        goes = self.o.valid & self.o.ready
        m.d.comb += crc.data.eq(self.o.payload)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.rests.eq(~self.begin)
                m.d.sync += [
                    kind.eq(self.kind),
                    left.eq(self.length),
                    body.eq(self.body),
                    streams.eq(self.from_stream),
                    place.eq(0),
                ]
                with m.If(self.begin):
                    m.next = "HEAD"
            with m.State("HEAD"):
                m.d.comb += [self.o.payload.eq(head[place]), self.o.valid.eq(1)]
                m.d.comb += [crc.start.eq(place == 0), crc.valid.eq(goes & (place != 0))]
                with m.If(goes):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == 3):
                        m.next = "BODY"
                        with m.If(left == 0):
                            m.next = "CRC LOW"
            with m.State("BODY"):
                if self.has_streams:
                    m.d.comb += [
                        self.o.payload.eq(Mux(streams, self.tx_data, body[:8])),
                        self.o.valid.eq(~streams | self.tx_valid),
                        self.tx_ready.eq(streams & self.o.ready),
                    ]
                else:
                    m.d.comb += [self.o.payload.eq(body[:8]), self.o.valid.eq(1)]
                m.d.comb += crc.valid.eq(goes)
                with m.If(goes):
                    m.d.sync += [left.eq(left - 1), body.eq(body >> 8)]
                    with m.If(left == 1):
                        m.next = "CRC LOW"
            with m.State("CRC LOW"):
                m.d.comb += [self.o.payload.eq(crc.crc[:8]), self.o.valid.eq(1)]
                with m.If(goes):
                    m.next = "CRC HIGH"
            with m.State("CRC HIGH"):
                m.d.comb += [self.o.payload.eq(crc.crc[8:]), self.o.valid.eq(1)]
                with m.If(goes):
                    m.next = "IDLE"
        return m
