"""A bus over a serial port: requests by bytes, as the board top of an ECP5 design understands them.

A request and its answer are a sync byte, the kind, the length of the payload in two bytes, the
payload, and a CRC-16 in two bytes. The numbers of kinds and errors come with the design's record
(``driver.json``, entry ``serial``). One request is under way at a time, so a frame's answer is its
result: drive it with ``ahead=0``. A damaged answer, an error told by the board, and silence are
errors; what the board received damaged it has not carried out.

The port may be anything with ``write(bytes)`` and ``read(count)`` that gives fewer bytes after a
time-out: a port of pyserial, which `SerialBus.open` opens, or a simulation.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from .bus import BusError

__all__ = ["Port", "SerialBus", "pack_request"]

HEAD_BYTES, CRC_BYTES = 4, 2
EXPECTED_OKAY = 0


class Port(Protocol):
    """A serial port."""

    def write(self, data: bytes, /) -> Any: ...

    def read(self, size: int, /) -> bytes: ...


def pack_request(sync: int, kind: int, payload: bytes) -> bytes:
    """The bytes of a request or an answer."""
    body = bytes([kind]) + len(payload).to_bytes(2, "little") + payload
    return bytes([sync]) + body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")


class SerialBus:
    """Parameters
    ----------
    port : :class:`Port`
        The serial port, at the rate of the design.
    record : mapping
        The design's ``driver.json``.
    """

    def __init__(self, port: Port, record: Mapping[str, Any]) -> None:
        if not record.get("serial"):
            raise ValueError("Design of a serial port must be built with --board")
        self.port, self.serial = port, record["serial"]
        self._is_waiting = False

    @classmethod
    def open(cls, device: str, record: Mapping[str, Any], timeout: float = 5.0) -> SerialBus:
        """Opens a port by its name (``/dev/ttyUSB0``); ``timeout`` is in seconds.

        Raises
        ------
        BusError
            If there is no such port, or pyserial is not installed.
        """
        try:
            serial = import_module("serial")
        except ImportError:
            raise BusError("pyserial must be installed: pip install pyserial") from None
        if not record.get("serial"):
            raise ValueError("Design of a serial port must be built with --board")
        try:
            port = serial.Serial(device, record["serial"]["baud"], timeout=timeout)
        except (OSError, ValueError) as error:
            raise BusError(f"Serial port {device} must open: {error}") from None
        return cls(port, record)

    def read32(self, address: int) -> int:
        answer = self._ask("read", address.to_bytes(4, "little"), 5)
        self._check(answer[4], f"Read of {address:#x}")
        return int.from_bytes(answer[:4], "little")

    def write32(self, address: int, value: int) -> None:
        payload = value.to_bytes(4, "little") + address.to_bytes(4, "little")
        self._check(self._ask("write", payload, 1)[0], f"Write of {address:#x}")

    def send(self, frame: bytes) -> None:
        if self._is_waiting:
            raise BusError("Frames over a serial port must go one at a time: ahead=0")
        self._request("frame", frame)
        self._is_waiting = True

    def receive(self, byte_count: int) -> bytes:
        self._is_waiting = False
        return self._take("frame", byte_count)

    def wait_interrupt(self, address: int, events: int) -> bool:
        """There is no line for it: asks until the port's time-outs say that nothing comes."""
        for _ in range(self.serial.get("patience", 100_000)):
            if self.read32(address) & events:
                return True
        return False

    def allocate(self, port: int, byte_count: int) -> int:
        raise BusError("A design on a serial port must have its memory on the chip")

    def write_memory(self, address: int, content: bytes) -> None:
        raise BusError("A design on a serial port must have its memory on the chip")

    def reset(self) -> None:
        """Resets the accelerator; also the way out when bytes were lost."""
        self._is_waiting = False
        self._ask("reset", b"", 0)

    def _check(self, response: int, what: str) -> None:
        if response != EXPECTED_OKAY:
            raise BusError(f"{what} must be answered by OKAY, not {response}")

    def _ask(self, kind: str, payload: bytes, answer_bytes: int) -> bytes:
        self._request(kind, payload)
        return self._take(kind, answer_bytes)

    def _request(self, kind: str, payload: bytes) -> None:
        self.port.write(pack_request(self.serial["sync"], self.serial["kinds"][kind], payload))

    def _take(self, kind: str, byte_count: int) -> bytes:
        """The payload of the answer.

        Raises
        ------
        BusError
            If it does not come whole, is damaged, or tells an error.
        """
        head = self._read(HEAD_BYTES)
        length = int.from_bytes(head[2:], "little")
        rest = self._read(length + CRC_BYTES)
        payload = rest[:length]
        if pack_request(self.serial["sync"], head[1], payload) != head + rest:
            raise BusError("Answer of the board must have a right checksum; some bytes were lost")
        if head[1] == self.serial["refused"]:
            names = {number: name for name, number in self.serial["errors"].items()}
            raise BusError(
                f"Board must take the {kind} request, not refuse it: {names[payload[0]]}"
            )
        wanted = self.serial["kinds"][kind] | self.serial["answer"]
        if (head[1], length) != (wanted, byte_count):
            raise BusError(
                f"Answer of the board must be kind {wanted:#x} of {byte_count} bytes, not "
                f"{head[1]:#x} of {length}"
            )
        return payload

    def _read(self, byte_count: int) -> bytes:
        found = self.port.read(byte_count)
        if len(found) != byte_count:
            raise BusError(f"Board must answer, but gave {len(found)} bytes of {byte_count}")
        return found
