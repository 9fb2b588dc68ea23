"""A bus for boards with Linux and nothing else: `/dev/mem`, an AXI DMA, and a u-dma-buf.

Registers are 32-bit words in a window of physical memory. Frames go through a Xilinx AXI DMA in
simple mode (PG021; both channels, no scatter-gather), which is programmed here word by word. What
the DMA or a decoder's memory ports read and write lies in one block of memory with a known physical
address, as the kernel module u-dma-buf gives it; it is opened uncached, so nothing needs to be
flushed. Interrupts are polled.

A receive is armed with the first frame that is sent, and again whenever a result was taken and
more frames are under way, so a frame that was sent can always leave. Accesses that the accelerator
refuses by SLVERR end in a bus error of the kernel's, which kills the process: the drivers make
none.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .bus import BusError

__all__ = ["MemoryBus", "Words", "open_words", "poll"]

PAGE = 4096
# Byte offsets and bits of the DMA's registers, from its product guide.
SEND, RECEIVE = 0x00, 0x30
CONTROL, STATUS = 0x00, 0x04
ADDRESS_LOW, ADDRESS_HIGH, LENGTH = 0x18, 0x1C, 0x28
START, IDLE, FAULTS = 1, 1 << 1, 0b111 << 4


class Words(Protocol):
    """32-bit words by index: an array, or something that looks like one."""

    def __getitem__(self, index: int, /) -> Any: ...

    def __setitem__(self, index: int, value: int, /) -> None: ...


def open_words(base: int, byte_count: int, path: str = "/dev/mem") -> np.ndarray:
    """The 32-bit words of physical memory from ``base``, a multiple of 4096."""
    descriptor = os.open(path, os.O_RDWR | os.O_SYNC)
    try:
        return np.frombuffer(mmap.mmap(descriptor, byte_count, offset=base), np.uint32)
    finally:
        os.close(descriptor)


def poll(
    done: Callable[[], Any], what: str, patience: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Calls ``done`` until it gives something true.

    Raises
    ------
    BusError
        If that takes longer than ``patience`` seconds.
    """
    end = time.monotonic() + patience
    while not done():
        if time.monotonic() > end:
            raise BusError(f"{what} must end within {patience:g} s, and does not")
        sleep(0.0002)


class MemoryBus:
    """Parameters
    ----------
    registers : words
        The accelerator's registers.
    dma : words, optional
        Those of the AXI DMA between which and memory the streams run.
    buffer : uint8 array, optional
        Memory that DMA or memory ports can reach, from physical address ``buffer_address``.
    output_bytes : :class:`int`
        Bytes of an output frame, for the DMA.
    patience : :class:`float`
        Seconds until something that does not come is an error.
    """

    def __init__(
        self,
        registers: Words,
        dma: Words | None = None,
        buffer: np.ndarray | None = None,
        buffer_address: int = 0,
        output_bytes: int = 0,
        patience: float = 10.0,
    ) -> None:
        self.registers, self.dma = registers, dma
        self.buffer, self.buffer_address = buffer, buffer_address
        self.output_bytes, self.patience = output_bytes, patience
        self._taken = self._in_flight = 0
        self._is_armed = self._is_sending = False
        self._places: dict[int, tuple[int, int]] = {}
        if dma is not None:
            for channel in (SEND, RECEIVE):
                self._write_dma(channel + CONTROL, START)

    @classmethod
    def open(
        cls,
        base: int,
        *,
        byte_count: int = 0x2000,
        dma_base: int | None = None,
        buffer: str | None = None,
        output_bytes: int = 0,
        patience: float = 10.0,
    ) -> MemoryBus:
        """Physical addresses of accelerator and DMA, and the name of a u-dma-buf (``udmabuf0``)."""
        memory, address = None, 0
        if buffer is not None:
            facts = Path("/sys/class/u-dma-buf") / buffer
            address = int((facts / "phys_addr").read_text(), 16)
            size = int((facts / "size").read_text())
            memory = open_words(0, size, f"/dev/{buffer}").view(np.uint8)
        dma = None if dma_base is None else open_words(dma_base, PAGE)
        words = open_words(base, byte_count)
        return cls(words, dma, memory, address, output_bytes, patience)

    def read32(self, address: int) -> int:
        return int(self.registers[address // 4])

    def write32(self, address: int, value: int) -> None:
        self.registers[address // 4] = value

    def wait_interrupt(self, address: int, events: int) -> bool:
        try:
            poll(lambda: self.read32(address) & events, "Waiting for an event", self.patience)
        except BusError:
            return False
        return True

    def allocate(self, port: int, byte_count: int) -> int:
        """All ports see the same memory."""
        if self.buffer is None:
            raise BusError("Memory must be given to the bus for a design that has memory ports")
        begin = self._taken - (self._taken + self.buffer_address) % -PAGE
        if begin + byte_count > len(self.buffer):
            raise BusError(
                f"Memory of the bus must have {begin + byte_count} bytes, not {len(self.buffer)}"
            )
        self._taken = begin + byte_count
        self.buffer[begin : self._taken] = 0
        return self.buffer_address + begin

    def write_memory(self, address: int, content: bytes) -> None:
        assert self.buffer is not None
        place = address - self.buffer_address
        self.buffer[place : place + len(content)] = np.frombuffer(content, np.uint8)

    def send(self, frame: bytes) -> None:
        place = self._place(SEND, len(frame))
        if self._is_sending:
            self._finish(SEND, "Sending a frame")
        self._in_flight += 1
        self._arm()
        self.write_memory(place, frame)
        self._begin(SEND, place, len(frame))
        self._is_sending = True

    def receive(self, byte_count: int) -> bytes:
        if byte_count != self.output_bytes or not self._in_flight:
            raise BusError(
                f"A frame of {self.output_bytes} bytes must be under way, not one of {byte_count} "
                f"with {self._in_flight} under way"
            )
        self._finish(RECEIVE, "Receiving a frame")
        place = self._place(RECEIVE, byte_count) - self.buffer_address
        assert self.buffer is not None
        frame = self.buffer[place : place + byte_count].tobytes()
        self._is_armed = False
        self._in_flight -= 1
        if self._in_flight:
            self._arm()
        return frame

    def _arm(self) -> None:
        if not self._is_armed:
            self._begin(RECEIVE, self._place(RECEIVE, self.output_bytes), self.output_bytes)
            self._is_armed = True

    def _place(self, channel: int, byte_count: int) -> int:
        """Address of a channel's buffer."""
        address, room = self._places.get(channel, (0, -1))
        if room < byte_count:
            address = self.allocate(0, byte_count)
            self._places[channel] = address, byte_count
        return address

    def _begin(self, channel: int, address: int, byte_count: int) -> None:
        self._write_dma(channel + ADDRESS_LOW, address & 0xFFFFFFFF)
        self._write_dma(channel + ADDRESS_HIGH, address >> 32)
        self._write_dma(channel + LENGTH, byte_count)

    def _finish(self, channel: int, what: str) -> None:
        poll(lambda: self._status(channel) & (IDLE | FAULTS), what, self.patience)
        if faults := self._status(channel) & FAULTS:
            raise BusError(f"{what} must end without a fault of the DMA, not {faults:#x}")

    def _status(self, channel: int) -> int:
        assert self.dma is not None
        return int(self.dma[(channel + STATUS) // 4])

    def _write_dma(self, offset: int, value: int) -> None:
        if self.dma is None:
            raise BusError("A DMA must be given to the bus for a design that has streams")
        self.dma[offset // 4] = value
