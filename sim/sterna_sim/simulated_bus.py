"""The bus of a driver in a simulation: cocotb awaits what a board would wait for.

`SimulatedBus` joins the requests of `sterna.driver` to cocotbext-axi: registers over AXI4-Lite,
frames over AXI4-Stream, memory by whatever writes into the simulated one, and the interrupt line.
Responses other than OKAY are errors. It imports neither Sterna nor the driver, since build folders
carry a copy for their own regression.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from cocotb.triggers import First, RisingEdge, Timer, with_timeout
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamSink, AxiStreamSource

__all__ = ["SimulatedBus"]

PAGE = 4096


class SimulatedBus:
    """Parameters
    ----------
    dut
        The simulated top, with AXI signals by the names of Sterna's accelerators.
    clock, reset
        Its signals; without a reset, nothing may be asked while the design is reset. A reset that
        ends in ``n`` is active low.
    patience_ns : :class:`float`
        After so long without an interrupt or a frame the design hangs.
    streams : :class:`bool`
        Whether frames go over ``s_axis`` and ``m_axis``.
    poke : callable, optional
        ``poke(address, content)`` writes to the simulated memory.
    place : callable, optional
        ``place(port)`` is where the region of a memory port begins.
    """

    def __init__(
        self,
        dut: Any,
        clock: Any,
        reset: Any = None,
        *,
        patience_ns: float,
        streams: bool = False,
        poke: Callable[[int, bytes], None] | None = None,
        place: Callable[[int], int] | None = None,
    ) -> None:
        # The library tells of every transfer otherwise.
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)
        for prefix in ("s_axil", "s_axis", "m_axis"):
            logging.getLogger(f"cocotb.{dut._name}.{prefix}").setLevel(logging.WARNING)
        ends = () if reset is None else (reset,)
        options: dict[str, Any] = {}
        if reset is not None:
            options["reset_active_level"] = not reset._name.endswith("n")
        self.lite: Any = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axil"), clock, *ends, **options
        )
        self.source: Any = None
        self.sink: Any = None
        if streams:
            given, taken = (AxiStreamBus.from_prefix(dut, name) for name in ("s_axis", "m_axis"))
            self.source = AxiStreamSource(given, clock, *ends, **options)
            self.sink = AxiStreamSink(taken, clock, *ends, **options)
        self.interrupt: Any = dut.interrupt
        self.patience_ns = patience_ns
        self.poke, self.place = poke, place
        self.woken_ns = 0.0
        """When the latest interrupt was seen."""

    async def read32(self, address: int) -> int:
        answer = await self.lite.read(address, 4)
        if answer.resp:
            raise OSError(f"Read of {address:#x} must be answered by OKAY, not {answer.resp!r}")
        return int.from_bytes(answer.data, "little")

    async def write32(self, address: int, value: int) -> None:
        answer = await self.lite.write(address, value.to_bytes(4, "little"))
        if answer.resp:
            raise OSError(f"Write of {address:#x} must be answered by OKAY, not {answer.resp!r}")

    async def send(self, frame: bytes) -> None:
        self.source.send_nowait(frame)

    async def receive(self, byte_count: int) -> bytes:
        frame = await with_timeout(self.sink.recv(), self.patience_ns, "ns")
        return bytes(frame.tdata)

    async def wait_interrupt(self, address: int, events: int) -> bool:
        if not int(self.interrupt.value):
            await First(RisingEdge(self.interrupt), Timer(round(self.patience_ns), "ns"))
        self.woken_ns = get_sim_time("ns")
        return bool(int(self.interrupt.value))

    async def allocate(self, port: int, byte_count: int) -> int:
        if self.place is None:
            raise OSError("A simulation must have memory for a design that has memory ports")
        return self.place(port)

    async def write_memory(self, address: int, content: bytes) -> None:
        assert self.poke is not None
        self.poke(address, content)
