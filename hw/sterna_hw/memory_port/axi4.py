"""The AXI4 signals of a memory port of 128 bits, and the commands that move words through it.

Only what is used: incrementing bursts of whole 16-byte beats, one identifier, so that answers come
in order. The signals are those of AMBA AXI4 (ARM IHI 0022) by their lower-case names, grouped in
one interface for reading and one for writing, seen from the manager; identifiers, cache, protection
and quality-of-service signals are left to whoever ties the ports to a memory.
"""

from __future__ import annotations

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = [
    "BEAT_BYTES",
    "BEAT_WIDTH",
    "BURST_INCREMENTING",
    "OFFSET_WIDTH",
    "SIZE_16_BYTES",
    "command_layout",
    "read_signature",
    "write_signature",
]

BEAT_BYTES = 16
BEAT_WIDTH = 8 * BEAT_BYTES
OFFSET_WIDTH = 4
"""Address bits within a beat."""

SIZE_16_BYTES = 0b100
BURST_INCREMENTING = 0b01


def read_signature(address_width: int) -> wiring.Signature:
    """Read address and read data channel; addresses in bytes."""
    return wiring.Signature(
        {
            "araddr": Out(address_width),
            "arlen": Out(8),
            "arsize": Out(3),
            "arburst": Out(2),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(BEAT_WIDTH),
            "rresp": In(2),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


def write_signature(address_width: int) -> wiring.Signature:
    """Write address, write data and write response channel; addresses in bytes."""
    return wiring.Signature(
        {
            "awaddr": Out(address_width),
            "awlen": Out(8),
            "awsize": Out(3),
            "awburst": Out(2),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(BEAT_WIDTH),
            "wstrb": Out(BEAT_BYTES),
            "wlast": Out(1),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
        }
    )


def command_layout(address_width: int, words_width: int, ports: int = 0) -> data.StructLayout:
    """A transfer: ``address`` (bytes, a multiple of 16), ``words`` of 16 bytes (1 or more), and for
    writes the number of the ``port``, of so many."""
    members = {"address": address_width, "words": words_width}
    if ports:
        members["port"] = max(1, (ports - 1).bit_length())
    return data.StructLayout(members)
