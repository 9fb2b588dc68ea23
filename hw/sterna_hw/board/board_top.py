"""The top of a board without a processor: clock, two lines of a UART, the accelerator behind them.

The board's oscillator clocks everything; there is no PLL. After power-up a counter holds the reset
for some cycles; a request resets accelerator and harness later. Bytes from the UART become requests
(`bridge`), and those reach the accelerator through the byte streams and the shift register of the
pin harness. The accelerator is an instance by name, so this is emitted apart from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    Instance,
    Module,
    ResetInserter,
    ResetSignal,
    Signal,
)
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..pin_harness import CONTROL_PINS, STREAM_PINS, PinHarnessConfig, buses
from .bridge import RequestBridgeConfig
from .uart import UartConfig

__all__ = ["BoardTop", "BoardTopConfig"]

POWER_UP_CYCLES = 63


@dataclass(frozen=True)
class BoardTopConfig:
    """The UART, the requests, and the widths of the accelerator's buses, which must be those of one
    accelerator.

    Raises
    ------
    ValueError
        If only one of bridge and harness has streams.
    """

    uart: UartConfig
    bridge: RequestBridgeConfig
    harness: PinHarnessConfig

    def __post_init__(self) -> None:
        if self.bridge.has_streams != self.harness.has_streams:
            raise ValueError("Streams must be of both bridge and harness, or of none")

    def cost(self, device: Device) -> Cost:
        """Estimate: UART and bridge; the harness is small beside them."""
        return self.uart.cost(device) + self.bridge.cost(device)

    def create(self, accelerator: str) -> BoardTop:
        """The top around the Verilog module named ``accelerator``."""
        return BoardTop(self, accelerator)


class BoardTop(wiring.Component):
    """Ports: ``clock``, and the lines ``rx`` and ``tx``."""

    def __init__(self, config: BoardTopConfig, accelerator: str) -> None:
        self.config, self.accelerator = config, accelerator
        super().__init__({"clock": In(1), "rx": In(1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.domains.sync = ClockDomain()
        power_up = Signal(range(POWER_UP_CYCLES + 1), init=POWER_UP_CYCLES, reset_less=True)
        resetting = Signal(init=1, reset_less=True)
        with m.If(power_up != 0):
            m.d.sync += power_up.eq(power_up - 1)
        m.d.sync += resetting.eq(power_up != 0)
        m.d.comb += [ClockSignal().eq(self.clock), ResetSignal().eq(resetting)]
        m.submodules.receiver = receiver = config.uart.create_receiver()
        m.submodules.transmitter = transmitter = config.uart.create_transmitter()
        m.submodules.bridge = bridge = config.bridge.create()
        harness = config.harness.create()
        m.submodules.harness = ResetInserter(bridge.reset)(harness)
        wiring.connect(m, bridge.o, transmitter.i)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            bridge.data.eq(receiver.data),
            bridge.valid.eq(receiver.valid),
        ]
        pins = {**(STREAM_PINS if config.bridge.has_streams else {}), **CONTROL_PINS}
        for name, member in pins.items():
            here, there = getattr(harness, name), getattr(bridge, name)
            m.d.comb += here.eq(there) if member.flow is In else there.eq(here)
        ports = {
            f"{'i' if member.flow is Out else 'o'}_{name}": getattr(harness, name)
            for name, member in buses(config.harness).items()
        }
        starts = Signal(reset_less=True)
        m.d.sync += starts.eq(~resetting & ~bridge.reset)
        interrupt = Signal()
        m.submodules.accelerator = Instance(
            self.accelerator,
            i_aclk=self.clock,
            i_aresetn=starts,
            o_interrupt=interrupt,
            **ports,
        )
        return m
