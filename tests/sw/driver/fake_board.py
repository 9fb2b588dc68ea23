"""A board made of Python for the drivers' buses: registers, a DMA with one transfer at a time in
each direction, memory with physical addresses, and `pynq` as far as the bus uses it.

The accelerator on it gives the sums of a frame's bytes, first its low byte, then its high byte. It
holds one result; a second frame that comes meanwhile is not taken, as in hardware that is stalled.
"""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np

from sterna_hw.register_map import Identity, accelerator_map
from sterna_hw.registers import driver_table

BASE = 0x4000_1000
IDENTITY = Identity(build_hash=0x1234, input_bytes=1, output_bytes=1, input_elements=4)

RECORD: dict[str, Any] = {
    "version": 1,
    "registers": driver_table(accelerator_map(IDENTITY)),
    "input": {"elements": 4, "range": [0, 255], "count": 1, "bytes": 1},
    "output": {"elements": 2, "range": [0, 255], "count": 1, "bytes": 1},
    "counters": ["frames_in"],
}


class Accelerator:
    """The registers by offset, and frames."""

    def __init__(self) -> None:
        self.words = {
            register["offset"]: sum(
                field["reset"] << field["low"] for field in register["fields"].values()
            )
            for register in RECORD["registers"].values()
            if "fields" in register
        }
        self.waiting: deque[bytes] = deque()
        self.results: deque[bytes] = deque()

    def write(self, offset: int, value: int) -> None:
        if offset == RECORD["registers"]["interrupt"]["offset"]:
            value &= 0xFFFF0000  # events are cleared by ones, and none comes
        self.words[offset] = value

    def offer(self, frame: bytes) -> None:
        self.waiting.append(frame)
        self.step()

    def step(self) -> None:
        while self.waiting and not self.results:
            self.results.append(sum(self.waiting.popleft()).to_bytes(2, "little"))

    def take(self) -> bytes | None:
        found = self.results.popleft() if self.results else None
        self.step()
        return found


class RegisterWords:
    """The registers as an array of words."""

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator

    def __getitem__(self, index: int) -> int:
        return self.accelerator.words.get(4 * index, 0)

    def __setitem__(self, index: int, value: int) -> None:
        self.accelerator.write(4 * index, value)


class DmaWords:
    """The registers of an AXI DMA, by PG021, and what it does."""

    def __init__(self, accelerator: Accelerator, memory: np.ndarray) -> None:
        self.accelerator, self.memory = accelerator, memory
        self.words = dict.fromkeys(range(0, 0x60, 4), 0)
        self.arriving: tuple[int, int] | None = None
        self.is_faulty = False

    def __getitem__(self, index: int) -> int:
        self._move()
        if index == 0x04 // 4:
            return 2 * (not self.accelerator.waiting) | (1 << 5 if self.is_faulty else 0)
        if index == 0x34 // 4:
            return 2 * (self.arriving is None)
        return self.words[4 * index]

    def __setitem__(self, index: int, value: int) -> None:
        offset = 4 * index
        self.words[offset] = value
        if offset == 0x28:
            assert self.words[0x00] & 1 and not self.accelerator.waiting
            start = self._address(0x18)
            self.accelerator.offer(self.memory[start : start + value].tobytes())
        if offset == 0x58:
            assert self.words[0x30] & 1 and self.arriving is None
            self.arriving = self._address(0x48), value
        self._move()

    def _address(self, offset: int) -> int:
        return (self.words[offset] | self.words[offset + 4] << 32) - BASE

    def _move(self) -> None:
        if self.arriving and (frame := self.accelerator.take()) is not None:
            start, count = self.arriving
            assert count == len(frame)
            self.memory[start : start + count] = np.frombuffer(frame, np.uint8)
            self.arriving = None


class PynqBuffer(np.ndarray):
    """An array that has been told an address, and must be flushed and invalidated."""

    device_address = 0
    is_closed = False

    def flush(self) -> None:
        pass

    def invalidate(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


class FakePynq:
    """The module."""

    def __init__(self) -> None:
        self.accelerator = Accelerator()
        self.buffers: list[PynqBuffer] = []
        self.arriving: list[PynqBuffer] = []

    def allocate(self, shape: tuple[int, ...], dtype: Any) -> PynqBuffer:
        buffer = np.full(shape, 0xAA, dtype).view(PynqBuffer)
        buffer.device_address = 0x1000_0000 * (1 + len(self.buffers))
        self.buffers.append(buffer)
        return buffer

    def Overlay(self, bitfile: str) -> Any:
        assert bitfile == "design.bit"
        facts = {"phys_addr": 0xA000_0000, "addr_range": 0x2000}
        send = SimpleNamespace(transfer=self._send, wait=self._sent)
        receive = SimpleNamespace(transfer=self.arriving.append, wait=self._received)
        dma = SimpleNamespace(sendchannel=send, recvchannel=receive)
        return SimpleNamespace(ip_dict={"sterna": facts}, dma=dma)

    def MMIO(self, address: int, length: int) -> Any:
        assert (address, length) == (0xA000_0000, 0x2000)
        words = self.accelerator.words
        write = self.accelerator.write
        return SimpleNamespace(read=lambda offset: words.get(offset, 0), write=write)

    def _send(self, buffer: PynqBuffer) -> None:
        self._sent()
        self.accelerator.offer(buffer.tobytes())

    def _sent(self) -> None:
        self._move()
        assert not self.accelerator.waiting, "a send would wait for ever"

    def _received(self) -> None:
        self._move()
        assert not self.arriving, "a receive would wait for ever"

    def _move(self) -> None:
        if self.arriving and (frame := self.accelerator.take()) is not None:
            self.arriving.pop()[:] = np.frombuffer(frame, np.uint8)
