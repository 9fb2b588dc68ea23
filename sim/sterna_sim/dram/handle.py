"""The DRAM as seen from Python inside the running simulation: contents, counters, breaches.

cocotb runs in the process of the Verilator binary, so the model's functions are found in the
running program itself. Use it in a cocotb test only, after the simulation has started.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

__all__ = ["Dram", "PortCounters", "Totals"]


@dataclass(frozen=True)
class PortCounters:
    """What one port did since the start.

    Bytes and bursts; then the cycles in which a beat was read (``busy``), data were asked for and
    not there (``waiting``), nothing was asked for (``idle``), or a beat was not taken
    (``blocked``).
    """

    read_bytes: int
    write_bytes: int
    read_bursts: int
    write_bursts: int
    busy: int
    waiting: int
    idle: int
    blocked: int


@dataclass(frozen=True)
class Totals:
    """What the memory did since the start, in cycles but for ``moved_bytes``.

    ``turnaround`` and ``writing`` are cycles without reads; ``limited`` are those in which a port
    had to wait for bandwidth.
    """

    cycles: int
    moved_bytes: int
    turnaround: int
    writing: int
    limited: int


class Dram:
    """The only DRAM of this process.

    Raises
    ------
    RuntimeError
        If this process holds none.
    """

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(None)
            self._library.sterna_dram_breaches.restype = ctypes.c_char_p
        except AttributeError as error:
            raise RuntimeError("There is no simulated DRAM in this process") from error

    def peek(self, address: int, count: int) -> bytes:
        """Bytes of the memory.

        Raises
        ------
        ValueError
            If they do not lie in one region.
        """
        place = (ctypes.c_uint8 * count)()
        failed = self._library.sterna_dram_peek(
            ctypes.c_uint64(address), place, ctypes.c_uint64(count)
        )
        if failed:
            raise ValueError(f"Addresses must lie in a region, not {count} bytes at {address:#x}")
        return bytes(place)

    def poke(self, address: int, values: bytes) -> None:
        """Writes bytes into the memory, at once and behind its back.

        Raises
        ------
        ValueError
            If they do not lie in one region.
        """
        count = len(values)
        failed = self._library.sterna_dram_poke(
            ctypes.c_uint64(address), values, ctypes.c_uint64(count)
        )
        if failed:
            raise ValueError(f"Addresses must lie in a region, not {count} bytes at {address:#x}")

    def counters(self, port: int) -> PortCounters:
        values = (ctypes.c_uint64 * 8)()
        self._library.sterna_dram_counters(ctypes.c_uint64(port), values)
        return PortCounters(*values)

    def totals(self) -> Totals:
        values = (ctypes.c_uint64 * 5)()
        self._library.sterna_dram_totals(values)
        return Totals(*values)

    def breaches(self) -> list[str]:
        """Breaches of the AXI protocol by the design: the first twenty."""
        return self._library.sterna_dram_breaches().decode().splitlines()
