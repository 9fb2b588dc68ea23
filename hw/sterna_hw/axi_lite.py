"""AXI4-Lite on one side, a register bus on the other.

The subordinate end of an AXI4-Lite link with 32-bit data. Address and data of a write may come in
any order and at any distance; each of the three incoming channels has one register of its own and
is ready whenever that register is free. A complete write, or a read, becomes one request on the
register bus. The bus serves one request at a time and answers by an acknowledgement after as many
cycles as it likes; then the response is offered until the manager takes it. When a read and a write
wait at the same time they take turns, so neither can starve.

Writes are whole words: one with a byte strobe low is answered by SLVERR and never reaches the bus
(the protocol allows subordinates to refuse strobes they do not support). The two low address bits
and the protection bits are ignored. Four to five cycles pass between a request and its response
with a register file that takes three. There are no bursts, and one read and one write may be
outstanding.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device
from .base.cost_table import logic

__all__ = [
    "AxiLiteBridge",
    "AxiLiteBridgeConfig",
    "OKAY",
    "SLVERR",
    "axi_lite_members",
    "bus_signature",
]

OKAY = 0b00
SLVERR = 0b10


def bus_signature(address_width: int) -> wiring.Signature:
    """The register bus, as seen by the side that asks.

    ``request`` is high for one cycle; ``write``, ``address`` (in words) and ``data`` hold from then
    on until ``acknowledge``, which is high for one cycle and comes with ``answer`` (what was read)
    and ``error``. The next request comes at the earliest in the cycle after the acknowledgement.
    """
    return wiring.Signature(
        {
            "request": Out(1),
            "write": Out(1),
            "address": Out(address_width),
            "data": Out(32),
            "acknowledge": In(1),
            "answer": In(32),
            "error": In(1),
        }
    )


def axi_lite_members(address_width: int) -> dict[str, wiring.Member]:
    """The signals of the subordinate end by their AXI names; addresses are in bytes."""
    return {
        "awaddr": In(address_width),
        "awprot": In(3),
        "awvalid": In(1),
        "awready": Out(1),
        "wdata": In(32),
        "wstrb": In(4),
        "wvalid": In(1),
        "wready": Out(1),
        "bresp": Out(2),
        "bvalid": Out(1),
        "bready": In(1),
        "araddr": In(address_width),
        "arprot": In(3),
        "arvalid": In(1),
        "arready": Out(1),
        "rdata": Out(32),
        "rresp": Out(2),
        "rvalid": Out(1),
        "rready": In(1),
    }


@dataclass(frozen=True)
class AxiLiteBridgeConfig:
    """``address_width`` bits of byte address, at least 3.

    Raises
    ------
    ValueError
        If the width is out of 3 to 32.
    """

    address_width: int

    def __post_init__(self) -> None:
        if not 3 <= self.address_width <= 32:
            raise ValueError(f"Address width must be within 3 to 32, not {self.address_width!r}")

    def cost(self, device: Device) -> Cost:
        """Estimate: the registers of five channels and their control."""
        bits = self.address_width
        return logic(device, "axi_lite", ff=32 * 2 + 3 * bits, address_bits=bits)

    def create(self) -> AxiLiteBridge:
        return AxiLiteBridge(self)


class AxiLiteBridge(wiring.Component):
    """Ports: the AXI4-Lite signals by name, and ``bus``, on which it asks."""

    def __init__(self, config: AxiLiteBridgeConfig) -> None:
        self.config = config
        super().__init__(
            {
                **axi_lite_members(config.address_width),
                "bus": Out(bus_signature(config.address_width - 2)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = self.config.address_width - 2

        # Each incoming channel: one register, filled by a transfer and emptied by its request.
        write_address, write_address_held = Signal(words), Signal()
        write_data, write_strobe, write_data_held = Signal(32), Signal(4), Signal()
        read_address, read_address_held = Signal(words), Signal()
        m.d.comb += [
            self.awready.eq(~write_address_held),
            self.wready.eq(~write_data_held),
            self.arready.eq(~read_address_held),
        ]
        with m.If(self.awvalid & self.awready):
            m.d.sync += [write_address.eq(self.awaddr[2:]), write_address_held.eq(1)]
        with m.If(self.wvalid & self.wready):
            m.d.sync += [
                write_data.eq(self.wdata),
                write_strobe.eq(self.wstrb),
                write_data_held.eq(1),
            ]
        with m.If(self.arvalid & self.arready):
            m.d.sync += [read_address.eq(self.araddr[2:]), read_address_held.eq(1)]

        # A response register must be free before its request starts, so answers are never held up.
        can_write = Signal()
        can_read = Signal()
        wrote_last = Signal()
        m.d.comb += [
            can_write.eq(write_address_held & write_data_held & ~self.bvalid),
            can_read.eq(read_address_held & ~self.rvalid),
        ]
        with m.If(self.bvalid & self.bready):
            m.d.sync += self.bvalid.eq(0)
        with m.If(self.rvalid & self.rready):
            m.d.sync += self.rvalid.eq(0)

        # The channel's register is not filled again before the response, so the bus may use it.
        m.d.comb += self.bus.data.eq(write_data)
        m.d.sync += self.bus.request.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(can_write & ~(can_read & wrote_last)):
                    m.next = "WRITE"
                with m.Elif(can_read):
                    m.next = "READ"
            # A state of its own for each kind, so that a wide register has one bit as its enable.
            with m.State("WRITE"):
                m.d.sync += [
                    self.bus.write.eq(1),
                    self.bus.address.eq(write_address),
                    wrote_last.eq(1),
                ]
                with m.If(write_strobe.all()):
                    m.d.sync += self.bus.request.eq(1)
                    m.next = "WAIT"
                with m.Else():
                    m.next = "REFUSE"
            with m.State("READ"):
                m.d.sync += [
                    self.bus.write.eq(0),
                    self.bus.address.eq(read_address),
                    self.bus.request.eq(1),
                    wrote_last.eq(0),
                ]
                m.next = "WAIT"
            with m.State("REFUSE"):
                m.d.sync += [
                    write_address_held.eq(0),
                    write_data_held.eq(0),
                    self.bvalid.eq(1),
                    self.bresp.eq(SLVERR),
                ]
                m.next = "IDLE"
            with m.State("WAIT"):
                response = Mux(self.bus.error, SLVERR, OKAY)
                with m.If(self.bus.acknowledge):
                    with m.If(self.bus.write):
                        m.d.sync += [
                            write_address_held.eq(0),
                            write_data_held.eq(0),
                            self.bvalid.eq(1),
                            self.bresp.eq(response),
                        ]
                    with m.Else():
                        m.d.sync += [
                            read_address_held.eq(0),
                            self.rvalid.eq(1),
                            self.rresp.eq(response),
                            self.rdata.eq(Mux(self.bus.error, 0, self.bus.answer)),
                        ]
                    m.next = "IDLE"
        # The protocol carries bits that this design has no use for; naming them keeps lint quiet.
        unused = Signal(10)
        m.d.comb += unused.eq(Cat(self.awprot, self.arprot, self.awaddr[:2], self.araddr[:2]))
        return m
