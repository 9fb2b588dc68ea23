"""Requests by bytes to an accelerator: frames, register reads and writes, reset.

`protocol` says what they look like. One request is served at a time, and each gets one answer.
A frame waits in a memory until its CRC is known to be right, so the accelerator sees whole requests
only. A request whose bytes stop coming for ``timeout`` cycles is forgotten; after an error the
sender should be silent for as long.

On the other side are the pins of `sterna_hw.pin_harness`. It takes three cycles a byte, faster than
any UART that it is made for.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.crc import catalog
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..pin_harness import CONTROL_PINS, STREAM_PINS
from .answer import AnswerSender
from .protocol import ANSWER, ERRORS, KINDS, REFUSED, SYNC, pack

__all__ = ["RequestBridge", "RequestBridgeConfig"]

RESET_CYCLES = 16


@dataclass(frozen=True)
class RequestBridgeConfig:
    """Sizes of what is behind the bridge.

    Parameters
    ----------
    input_bytes, output_bytes : :class:`int`
        Bytes of a frame and of a result; both 0 for an accelerator with registers only.
    address_width : :class:`int`
        Bits of a register's byte address.
    timeout : :class:`int`
        Cycles of silence in the middle of a request that end it.

    Raises
    ------
    ValueError
        If a frame has more bytes than a length can tell, or only one of both has none.
    """

    input_bytes: int
    output_bytes: int
    address_width: int
    timeout: int = 1 << 20

    def __post_init__(self) -> None:
        for name in ("input_bytes", "output_bytes"):
            if not 0 <= getattr(self, name) < 1 << 16:
                subject = name.replace("_", " ").capitalize()
                raise ValueError(f"{subject} must be 0 to 65535, not {getattr(self, name)!r}")
        if (self.input_bytes == 0) != (self.output_bytes == 0):
            raise ValueError("Input and output bytes must be 0 together")
        if not 1 <= self.address_width <= 32 or self.timeout < 1:
            raise ValueError("Address width must be 1 to 32, and timeout 1 or more")

    @property
    def has_streams(self) -> bool:
        return self.input_bytes > 0

    compute = staticmethod(pack)

    def cost(self, device: Device) -> Cost:
        """Estimate, compared with Yosys 0.70 on ECP5: registers, two CRCs and control; block memory
        for all but short frames."""
        blocks = -(-self.input_bytes // 2048) if self.input_bytes > 64 else 0
        return Cost(lut=600 + 3 * self.address_width, ff=270 + self.address_width, bram=blocks)

    def create(self) -> RequestBridge:
        return RequestBridge(self)


class RequestBridge(wiring.Component):
    """Ports: bytes in (``data`` in cycles with ``valid``), the stream ``o`` of bytes out, the pins
    of the harness in the other direction, and ``reset``, which is for harness and accelerator."""

    def __init__(self, config: RequestBridgeConfig) -> None:
        self.config = config
        pins = {**(STREAM_PINS if config.has_streams else {}), **CONTROL_PINS}
        super().__init__(
            {
                "data": In(8),
                "valid": In(1),
                "o": Out(stream.Signature(8)),
                "reset": Out(1),
                **{name: member.flip() for name, member in pins.items()},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._request(m, self._answer(m))
        return m

    def _answer(self, m: Module) -> AnswerSender:
        m.submodules.answer = answer = AnswerSender(self.config.has_streams)
        wiring.connect(m, answer.o, wiring.flipped(self.o))
        if self.config.has_streams:
            m.d.comb += [
                answer.tx_data.eq(self.tx_data),
                answer.tx_valid.eq(self.tx_valid),
                self.tx_ready.eq(answer.tx_ready),
            ]
        return answer

    def _request(self, m: Module, answer: AnswerSender) -> None:
        """Takes requests in and carries them out."""
        config = self.config
        m.submodules.request_crc = crc = catalog.CRC16_IBM_3740(data_width=8).create()
        kind, length, index = Signal(8), Signal(16), Signal(16)
        words, low, code = Signal(64), Signal(8), Signal(2)
        silence = Signal(range(config.timeout + 1))
        expects = Signal()
        m.d.comb += crc.data.eq(self.data)
        m.d.sync += silence.eq(Mux(expects & ~self.valid, silence + 1, 0))
        self._put_frame(m, index)
        command = Signal(33 + config.address_width)
        m.d.comb += self.control_in.eq(command[-1])
        with m.FSM():

            def receive(then: str, counts: bool = True) -> None:
                """In the state that is being described: a byte, or silence."""
                m.d.comb += expects.eq(1)
                with m.If(self.valid):
                    m.next = then
                    if counts:
                        m.d.comb += crc.valid.eq(1)
                with m.Elif(silence == config.timeout):
                    m.next = "IDLE"

            with m.State("IDLE"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += index.eq(0)
                with m.If(self.valid & (self.data == SYNC)):
                    m.next = "KIND"
            with m.State("KIND"):
                receive("LOW")
                with m.If(self.valid):
                    m.d.sync += kind.eq(self.data)
            with m.State("LOW"):
                receive("HIGH")
                with m.If(self.valid):
                    m.d.sync += length[:8].eq(self.data)
            with m.State("HIGH"):
                receive("CHECK")
                with m.If(self.valid):
                    m.d.sync += length[8:].eq(self.data)
            with m.State("CHECK"):
                m.d.sync += code.eq(ERRORS["request"])
                with m.If(~self._is_known(kind, length)):
                    m.next = "REFUSE"
                with m.Elif(length == 0):
                    m.next = "CRC LOW"
                with m.Else():
                    m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                receive("PAYLOAD")
                with m.If(self.valid):
                    m.d.comb += self._keep.eq(1)
                    m.d.sync += [index.eq(index + 1), words.eq(Cat(words[8:], self.data))]
                    with m.If(index + 1 == length):
                        m.next = "CRC LOW"
            with m.State("CRC LOW"):
                receive("CRC HIGH", counts=False)
                m.d.sync += index.eq(0)
                with m.If(self.valid):
                    m.d.sync += low.eq(self.data)
            with m.State("CRC HIGH"):
                receive("ACT", counts=False)
                m.d.sync += code.eq(ERRORS["checksum"])
                with m.If(self.valid & (Cat(low, self.data) != crc.crc)):
                    m.next = "REFUSE"
            with m.State("REFUSE"):
                m.d.comb += [answer.begin.eq(1), answer.kind.eq(REFUSED), answer.length.eq(1)]
                m.d.comb += answer.body.eq(code)
                m.next = "WAIT"
            with m.State("ACT"):
                m.d.comb += answer.kind.eq(kind | ANSWER)
                is_write = kind == KINDS["write"]
                address = words[32 : 32 + config.address_width]
                m.d.sync += command.eq(Cat(words[:32], address, is_write))
                with m.Switch(kind):
                    if config.has_streams:
                        with m.Case(KINDS["frame"]):
                            m.d.comb += [
                                answer.begin.eq(1),
                                answer.length.eq(config.output_bytes),
                                answer.from_stream.eq(1),
                            ]
                            m.next = "FETCH"
                    with m.Case(KINDS["reset"]):
                        m.next = "RESET"
                    with m.Default():
                        m.next = "SHIFT IN"
            if config.has_streams:
                with m.State("FETCH"):
                    m.next = "OFFER"
                with m.State("OFFER"):
                    m.d.comb += [
                        self.rx_valid.eq(1),
                        self.rx_data.eq(self._kept),
                        self.rx_last.eq(index + 1 == length),
                    ]
                    with m.If(self.rx_ready):
                        m.d.sync += index.eq(index + 1)
                        m.next = "FETCH"
                        with m.If(self.rx_last):
                            m.next = "WAIT"
            with m.State("SHIFT IN"):
                m.d.comb += self.control_shift.eq(1)
                m.d.sync += [command.eq(command << 1), index.eq(index + 1)]
                with m.If(index == len(command) - 1):
                    m.next = "START"
            with m.State("START"):
                m.d.comb += self.control_start.eq(1)
                m.d.sync += index.eq(0)
                m.next = "STARTED"
            with m.State("STARTED"):
                with m.If(self.control_done):
                    m.next = "SHIFT OUT"
            with m.State("SHIFT OUT"):
                # Two bits of response, then the word.
                m.d.comb += self.control_shift.eq(1)
                m.d.sync += [words.eq(Cat(self.control_out, words)), index.eq(index + 1)]
                with m.If(index == 33):
                    m.next = "TELL"
            with m.State("TELL"):
                is_read = kind == KINDS["read"]
                m.d.comb += [
                    answer.begin.eq(1),
                    answer.kind.eq(kind | ANSWER),
                    answer.length.eq(Mux(is_read, 5, 1)),
                    answer.body.eq(Mux(is_read, words[:34], words[32:34])),
                ]
                m.next = "WAIT"
            with m.State("RESET"):
                m.d.comb += [self.reset.eq(1), answer.kind.eq(kind | ANSWER)]
                m.d.sync += index.eq(index + 1)
                with m.If(index == RESET_CYCLES - 1):
                    m.d.comb += answer.begin.eq(1)
                    m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(answer.rests):
                    m.next = "IDLE"

    def _is_known(self, kind: Signal, length: Signal) -> Signal:
        frames = (length != 0) & (length <= self.config.input_bytes)
        return (
            ((kind == KINDS["frame"]) & frames & self.config.has_streams)
            | ((kind == KINDS["read"]) & (length == 4))
            | ((kind == KINDS["write"]) & (length == 8))
            | ((kind == KINDS["reset"]) & (length == 0))
        )

    def _put_frame(self, m: Module, index: Signal) -> None:
        """The memory in which a frame waits."""
        self._keep, self._kept = Signal(), Signal(8)
        if not self.config.has_streams:
            return
        m.submodules.frame = kept = memory.Memory(
            shape=8, depth=max(2, self.config.input_bytes), init=[]
        )
        write, read = kept.write_port(), kept.read_port()
        m.d.comb += [
            write.addr.eq(index),
            write.data.eq(self.data),
            write.en.eq(self._keep),
            read.addr.eq(index),
            self._kept.eq(read.data),
        ]
