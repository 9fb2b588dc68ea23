"""A few pins around an accelerator's wide buses, so that its bitstream fits a package.

An accelerator's AXI ports are some 300 signals, more than most packages have pins. The harness
brings them to 30 pins without losing a function (11 for an accelerator that has registers only, as
a decoder with its memory on the chip). Data goes a byte at a time, in both directions,
with valid, ready and last as on the wide streams; bytes gather into a word, lowest byte first,
and a word leaves byte by byte (those with TKEEP low are left out). Registers are reached through a
shift register of one write bit, the address and 32 bits of data: shift a command in (most
significant bit first: write bit, address, data), raise ``control_start`` for one cycle, wait for
``control_done``, and shift the answer out (two bits of response, then 32 of data, most significant
bit first). All pins are synchronous to the clock, and no output depends on an input of its cycle.
Pins are far from each other and from the accelerator: two small queues stand between.

A word of n bytes takes n + 1 cycles, so the harness limits the rate and is not part of a design's
cycle figures; it serves bring-up and honest place and route: nothing of the accelerator is
optimised away, as it would be with ports tied off.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import (
    Cat,
    ClockDomain,
    ClockSignal,
    Instance,
    Module,
    Mux,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .wide_buffer import WideBufferConfig

__all__ = ["PinHarness", "PinHarnessConfig", "PinTop"]


@dataclass(frozen=True)
class PinHarnessConfig:
    """Sizes of the accelerator's buses.

    Parameters
    ----------
    input_bytes, output_bytes : :class:`int`
        Bytes of ``s_axis_tdata`` and of ``m_axis_tdata``; both 0 if there are no such streams.
    address_width : :class:`int`
        Bits of ``s_axil_awaddr`` and ``s_axil_araddr``.

    Raises
    ------
    ValueError
        If one of them is less than 1 (but for both streams missing).
    """

    input_bytes: int
    output_bytes: int
    address_width: int

    def __post_init__(self) -> None:
        for name in ("input_bytes", "output_bytes", "address_width"):
            if getattr(self, name) < 1 and (self.has_streams or name == "address_width"):
                subject = name.replace("_", " ").capitalize()
                raise ValueError(f"{subject} must be 1 or more, not {getattr(self, name)!r}")

    @property
    def has_streams(self) -> bool:
        """Whether the accelerator has AXI4-Stream ports."""
        return (self.input_bytes, self.output_bytes) != (0, 0)

    def create(self) -> PinHarness:
        return PinHarness(self)

    def create_top(self, accelerator: str) -> PinTop:
        """The harness with an instance of the Verilog module named ``accelerator`` in it."""
        return PinTop(self, accelerator)


STREAM_PINS = {
    "rx_data": In(8),
    "rx_last": In(1),
    "rx_valid": In(1),
    "rx_ready": Out(1),
    "tx_data": Out(8),
    "tx_last": Out(1),
    "tx_valid": Out(1),
    "tx_ready": In(1),
}
CONTROL_PINS = {
    "control_in": In(1),
    "control_shift": In(1),
    "control_start": In(1),
    "control_out": Out(1),
    "control_done": Out(1),
}


def pins(config: PinHarnessConfig) -> dict[str, wiring.Member]:
    """The pins by name."""
    return {**(STREAM_PINS if config.has_streams else {}), **CONTROL_PINS}


def buses(config: PinHarnessConfig) -> dict[str, wiring.Member]:
    """The accelerator's ports as the harness sees them: its inputs are outputs here."""
    streams = {
        "s_axis_tdata": Out(8 * config.input_bytes),
        "s_axis_tlast": Out(1),
        "s_axis_tvalid": Out(1),
        "s_axis_tready": In(1),
        "m_axis_tdata": In(8 * config.output_bytes),
        "m_axis_tkeep": In(config.output_bytes),
        "m_axis_tlast": In(1),
        "m_axis_tvalid": In(1),
        "m_axis_tready": Out(1),
    }
    return {
        **(streams if config.has_streams else {}),
        "s_axil_awaddr": Out(config.address_width),
        "s_axil_awprot": Out(3),
        "s_axil_awvalid": Out(1),
        "s_axil_awready": In(1),
        "s_axil_wdata": Out(32),
        "s_axil_wstrb": Out(4, init=15),
        "s_axil_wvalid": Out(1),
        "s_axil_wready": In(1),
        "s_axil_bresp": In(2),
        "s_axil_bvalid": In(1),
        "s_axil_bready": Out(1),
        "s_axil_araddr": Out(config.address_width),
        "s_axil_arprot": Out(3),
        "s_axil_arvalid": Out(1),
        "s_axil_arready": In(1),
        "s_axil_rdata": In(32),
        "s_axil_rresp": In(2),
        "s_axil_rvalid": In(1),
        "s_axil_rready": Out(1),
    }


class PinHarness(wiring.Component):
    """The harness alone: pins on one side, AXI buses on the other."""

    def __init__(self, config: PinHarnessConfig) -> None:
        self.config = config
        super().__init__({**pins(config), **buses(config)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.config.has_streams:
            self._gather(m)
            self._scatter(m)
        self._control(m)
        return m

    def _gather(self, m: Module) -> None:
        """Bytes to words. A word is complete when its last place is filled or ``rx_last`` comes."""
        size = self.config.input_bytes
        shape = data.StructLayout({"data": 8 * size, "last": 1})
        m.submodules.arriving = queue = WideBufferConfig(shape).create()
        m.d.comb += [
            self.s_axis_tdata.eq(queue.o.payload.data),
            self.s_axis_tlast.eq(queue.o.payload.last),
            self.s_axis_tvalid.eq(queue.o.valid),
            queue.o.ready.eq(self.s_axis_tready),
        ]
        word, last, complete = Signal(8 * size), Signal(), Signal()
        # One bit for each place: where the next byte goes.
        here = Signal(size, init=1)
        taken, ends = Signal(), Signal()
        m.d.comb += [
            queue.i.payload.data.eq(word),
            queue.i.payload.last.eq(last),
            queue.i.valid.eq(complete),
            taken.eq(self.rx_valid & self.rx_ready),
            ends.eq(self.rx_last | here[-1]),
        ]
        with m.If(~complete | queue.i.ready):
            m.d.sync += [complete.eq(0), self.rx_ready.eq(1)]
        with m.If(taken):
            # The first byte clears the places behind it: a short word is padded with zeros.
            for place in range(size):
                with m.If(here[place] | here[0]):
                    byte = Mux(here[place], self.rx_data, 0)
                    m.d.sync += word.word_select(place, 8).eq(byte)
            m.d.sync += [last.eq(self.rx_last), here.eq(Mux(ends, 1, here << 1))]
            with m.If(ends):
                m.d.sync += [complete.eq(1), self.rx_ready.eq(0)]

    def _scatter(self, m: Module) -> None:
        """Words to bytes; ``keep`` has a one for each byte still to go and shifts with the data."""
        size = self.config.output_bytes
        shape = data.StructLayout({"data": 8 * size, "keep": size, "last": 1})
        m.submodules.leaving = queue = WideBufferConfig(shape).create()
        m.d.comb += [
            queue.i.payload.data.eq(self.m_axis_tdata),
            queue.i.payload.keep.eq(self.m_axis_tkeep),
            queue.i.payload.last.eq(self.m_axis_tlast),
            queue.i.valid.eq(self.m_axis_tvalid),
            self.m_axis_tready.eq(queue.i.ready),
        ]
        word, keep, last, ready = Signal(8 * size), Signal(size), Signal(), Signal()
        m.d.comb += [
            self.tx_data.eq(word[:8]),
            self.tx_valid.eq(keep[0]),
            self.tx_last.eq(last & ~keep[1:].any()),
            queue.o.ready.eq(ready),
        ]
        with m.If(queue.o.valid & ready):
            m.d.sync += [
                word.eq(queue.o.payload.data),
                keep.eq(queue.o.payload.keep),
                last.eq(queue.o.payload.last),
                ready.eq(0),
            ]
        with m.Elif(self.tx_valid & self.tx_ready):
            m.d.sync += [word.eq(word[8:]), keep.eq(keep[1:]), ready.eq(~keep[1:].any())]
        with m.Elif(~self.tx_valid):
            m.d.sync += ready.eq(1)

    def _control(self, m: Module) -> None:
        """One AXI4-Lite transaction for each ``control_start``."""
        width = self.config.address_width
        shift = Signal(33 + width)
        word, address, write = shift[:32], shift[32:-1], shift[-1]
        m.d.comb += [
            self.control_out.eq(shift[33]),
            self.s_axil_awaddr.eq(address),
            self.s_axil_araddr.eq(address),
            self.s_axil_wdata.eq(word),
            self.s_axil_wstrb.eq(15),
            self.s_axil_bready.eq(1),
            self.s_axil_rready.eq(1),
        ]
        with m.If(self.control_shift):
            m.d.sync += [shift.eq(Cat(self.control_in, shift)), self.control_done.eq(0)]
        with m.If(self.control_start):
            m.d.sync += [
                self.control_done.eq(0),
                self.s_axil_awvalid.eq(write),
                self.s_axil_wvalid.eq(write),
                self.s_axil_arvalid.eq(~write),
            ]
        for channel in ("aw", "w", "ar"):
            valid = getattr(self, f"s_axil_{channel}valid")
            with m.If(valid & getattr(self, f"s_axil_{channel}ready")):
                m.d.sync += valid.eq(0)
        with m.If(self.s_axil_bvalid):
            self._answer(m, shift, Cat(word, self.s_axil_bresp))
        with m.If(self.s_axil_rvalid):
            self._answer(m, shift, Cat(self.s_axil_rdata, self.s_axil_rresp))

    def _answer(self, m: Module, shift: Signal, answer: Value) -> None:
        m.d.sync += [shift[:34].eq(answer), self.control_done.eq(1)]


class PinTop(wiring.Component):
    """Harness and accelerator: a top for a bitstream, with ``aclk``, ``aresetn``, ``interrupt`` and
    the pins."""

    def __init__(self, config: PinHarnessConfig, accelerator: str) -> None:
        self.config, self.accelerator = config, accelerator
        outside = {"aclk": In(1), "aresetn": In(1), "interrupt": Out(1)}
        super().__init__({**outside, **pins(config)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.harness = harness = self.config.create()
        # Two registers make the pin's reset synchronous; they are not reset by what they make.
        resetting = Signal(2, init=3, reset_less=True)
        m.d.sync += resetting.eq(Cat(~self.aresetn, resetting[0]))
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(resetting[1])]
        for name, member in pins(self.config).items():
            pin, port = getattr(self, name), getattr(harness, name)
            m.d.comb += port.eq(pin) if member.flow is In else pin.eq(port)
        ports = {
            f"{'i' if member.flow is Out else 'o'}_{name}": getattr(harness, name)
            for name, member in buses(self.config).items()
        }
        m.submodules.accelerator = Instance(
            self.accelerator,
            i_aclk=self.aclk,
            i_aresetn=~resetting[1],
            o_interrupt=self.interrupt,
            **ports,
        )
        return m
