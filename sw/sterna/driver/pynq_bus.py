"""A bus for boards with PYNQ: its overlay, MMIO, DMA and buffers. PYNQ is imported on first use.

The block design that a build's `*_board.tcl` makes has the accelerator as ``sterna`` and, for
streaming designs, an AXI DMA as ``dma``; other names can be given. Memory for a decoder's ports is
allocated contiguously, so Linux must reserve as much (the boot argument ``cma``). Interrupts are
polled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from .bus import BusError
from .memory_bus import poll

__all__ = ["PynqBus"]


class PynqBus:
    """Parameters
    ----------
    registers
        A ``pynq.MMIO`` of the accelerator's registers.
    dma
        A ``pynq.lib.DMA``, for streaming designs.
    output_bytes : :class:`int`
        Bytes of an output frame.
    patience : :class:`float`
        Seconds until an event that does not come is an error.
    """

    def __init__(
        self, registers: Any, dma: Any = None, output_bytes: int = 0, patience: float = 10.0
    ) -> None:
        self.registers, self.dma = registers, dma
        self.output_bytes, self.patience = output_bytes, patience
        self._buffers: dict[int, Any] = {}
        self._sent: deque[Any] = deque()
        self._result: Any = None

    @classmethod
    def of_streams(
        cls, bitfile: str, record: Mapping[str, Any], ip: str = "sterna", dma: str = "dma"
    ) -> PynqBus:
        """Loads a bitstream with a streaming accelerator."""
        output = record["output"]
        frame = output["elements"] * (output["bytes"] // output["count"])
        overlay, registers = _load(bitfile, ip)
        return cls(registers, getattr(overlay, dma), frame)

    @classmethod
    def of_memory(cls, bitfile: str, ip: str = "sterna") -> PynqBus:
        """Loads a bitstream with a decoder."""
        return cls(_load(bitfile, ip)[1])

    def read32(self, address: int) -> int:
        return int(self.registers.read(address))

    def write32(self, address: int, value: int) -> None:
        self.registers.write(address, value)

    def wait_interrupt(self, address: int, events: int) -> bool:
        try:
            poll(lambda: self.read32(address) & events, "Waiting for an event", self.patience)
        except BusError:
            return False
        return True

    def allocate(self, port: int, byte_count: int) -> int:
        """All ports see the same memory."""
        buffer = _allocate(byte_count)
        buffer[:] = 0
        buffer.flush()
        self._buffers[buffer.device_address] = buffer
        return buffer.device_address

    def write_memory(self, address: int, content: bytes) -> None:
        base = max(place for place in self._buffers if place <= address)
        buffer = self._buffers[base]
        begin = address - base
        buffer[begin : begin + len(content)] = np.frombuffer(content, np.uint8)
        buffer.flush()

    def send(self, frame: bytes) -> None:
        if self.dma is None:
            raise BusError("A DMA must be given to the bus for a design that has streams")
        if self._sent:
            self.dma.sendchannel.wait()
        self._arm()
        buffer = _allocate(len(frame))
        buffer[:] = np.frombuffer(frame, np.uint8)
        buffer.flush()
        self.dma.sendchannel.transfer(buffer)
        self._sent.append(buffer)

    def receive(self, byte_count: int) -> bytes:
        if byte_count != self.output_bytes or not self._sent:
            raise BusError(
                f"A frame of {self.output_bytes} bytes must be under way, not one of {byte_count} "
                f"with {len(self._sent)} under way"
            )
        self.dma.recvchannel.wait()
        self._result.invalidate()
        frame = np.asarray(self._result).tobytes()
        self._result = None
        self._sent.popleft().close()
        if self._sent:
            self._arm()
        return frame

    def _arm(self) -> None:
        """Lets the result of the oldest frame in, so that what was sent can leave."""
        if self._result is None:
            self._result = _allocate(self.output_bytes)
            self.dma.recvchannel.transfer(self._result)


def _load(bitfile: str, ip: str) -> tuple[Any, Any]:
    pynq = import_module("pynq")
    overlay = pynq.Overlay(bitfile)
    facts = overlay.ip_dict[ip]
    return overlay, pynq.MMIO(facts["phys_addr"], facts["addr_range"])


def _allocate(byte_count: int) -> Any:
    return import_module("pynq").allocate(shape=(byte_count,), dtype=np.uint8)
