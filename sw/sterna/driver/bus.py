"""Requests that a driver makes of a bus, and the two ways to carry them out.

A driver's method is a generator of requests. Each request names one method of the bus and its
arguments, so a bus is a small class: registers of 32 bits, frames on AXI4-Stream, memory that the
accelerator sees, and the interrupt. `run` calls the methods of a blocking bus, `run_awaiting`
awaits those of one for an event loop. An error of the bus is raised inside the steps, at the
request.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

__all__ = [
    "Allocate",
    "AwaitingBus",
    "Bus",
    "BusError",
    "DriverError",
    "Read32",
    "Receive",
    "Request",
    "Send",
    "Steps",
    "WaitInterrupt",
    "Write32",
    "WriteMemory",
    "run",
    "run_awaiting",
]


class BusError(OSError):
    """An access that the accelerator or what is between refused."""


class DriverError(RuntimeError):
    """What the accelerator reports, or that it is not the one meant."""


@dataclass(frozen=True)
class Request:
    """One call of the bus's method ``method`` with the request's fields as arguments."""

    method: ClassVar[str] = ""

    def perform(self, bus: Any) -> Any:
        """The call: a result, or of an awaiting bus something to await."""
        return getattr(bus, self.method)(*vars(self).values())


@dataclass(frozen=True)
class Read32(Request):
    """Gives the register at a byte address."""

    method = "read32"
    address: int


@dataclass(frozen=True)
class Write32(Request):
    """Writes the register at a byte address."""

    method = "write32"
    address: int
    value: int


@dataclass(frozen=True)
class Send(Request):
    """Puts one frame on its way to the input, TLAST behind its last byte. The call may return
    before the frame is through; it may wait for the frame before to be through, but for no output.
    """

    method = "send"
    frame: bytes


@dataclass(frozen=True)
class Receive(Request):
    """Gives the bytes of the next frame of the output, which has so many."""

    method = "receive"
    byte_count: int


@dataclass(frozen=True)
class WaitInterrupt(Request):
    """Waits until the interrupt output is high; false if the bus lost patience. A bus without that
    line polls the interrupt register at ``address`` for one of the bits ``events``, which are the
    enabled ones."""

    method = "wait_interrupt"
    address: int
    events: int


@dataclass(frozen=True)
class Allocate(Request):
    """Gives the address, a multiple of 4096, of so many zero bytes that the accelerator's memory
    port ``port`` can reach."""

    method = "allocate"
    port: int
    byte_count: int


@dataclass(frozen=True)
class WriteMemory(Request):
    """Writes bytes to memory that was allocated."""

    method = "write_memory"
    address: int
    content: bytes


Result = TypeVar("Result")
Steps = Generator[Request, Any, Result]
"""What a driver's methods give: requests, and at last a result."""


class Bus(Protocol):
    """What a blocking bus must have; one that lacks streams or memory leaves those out by raising
    `BusError`."""

    def read32(self, address: int) -> int: ...

    def write32(self, address: int, value: int) -> None: ...

    def send(self, frame: bytes) -> None: ...

    def receive(self, byte_count: int) -> bytes: ...

    def wait_interrupt(self, address: int, events: int) -> bool: ...

    def allocate(self, port: int, byte_count: int) -> int: ...

    def write_memory(self, address: int, content: bytes) -> None: ...


class AwaitingBus(Protocol):
    """The same with methods that are awaited."""

    async def read32(self, address: int) -> int: ...

    async def write32(self, address: int, value: int) -> None: ...

    async def send(self, frame: bytes) -> None: ...

    async def receive(self, byte_count: int) -> bytes: ...

    async def wait_interrupt(self, address: int, events: int) -> bool: ...

    async def allocate(self, port: int, byte_count: int) -> int: ...

    async def write_memory(self, address: int, content: bytes) -> None: ...


def run(bus: Bus, steps: Steps[Result]) -> Result:
    """Carries out a driver's steps on a blocking bus; gives their result."""
    try:
        request = next(steps)
        while True:
            try:
                answer = request.perform(bus)
            except Exception as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as end:
        return end.value


async def run_awaiting(bus: AwaitingBus, steps: Steps[Result]) -> Result:
    """The same on a bus whose methods are awaited."""
    try:
        request = next(steps)
        while True:
            try:
                answer = await request.perform(bus)
            except Exception as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as end:
        return end.value
