"""One copy of a table of partial sums: distributed memory with a register before its address.

Every output that looks up in a cycle has its own copy of each table; all copies of a table are
written with the same data, all tables in the same row. Lanes that share the index lie side by side
in one wide copy. The looked-up sums are combinational: a register must follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import memory

from .base import Cost, Device

__all__ = ["TableWrite", "table_copies_cost", "table_copy"]


@dataclass(frozen=True)
class TableWrite:
    """The common write port of all tables: ``depth`` rows, ``enable`` and ``row``."""

    depth: int
    enable: Value
    row: Value


def table_copy(m: Module, name: str, write: TableWrite, entry: Value, index: Value) -> Value:
    """What lies at the ``index`` of a cycle, one cycle later (combinational from the memory).

    ``entry`` is what is written; ``index`` has the width of the written row's address.
    """
    rows = memory.Memory(
        shape=len(entry), depth=write.depth, init=[], attrs={"ram_style": "distributed"}
    )
    m.submodules[f"table_{name}"] = rows
    port, read = rows.write_port(), rows.read_port(domain="comb")
    address = Signal(len(write.row), reset_less=True, name=f"index_{name}")
    m.d.sync += address.eq(index)
    m.d.comb += [
        port.en.eq(write.enable),
        port.addr.eq(write.row),
        port.data.eq(entry),
        read.addr.eq(address),
    ]
    return read.data


def table_copies_cost(device: Device, depth: int, width: int) -> Cost:
    """Estimate of one copy: whole primitives of distributed memory, and the index."""
    return Cost(lut=device.lutram_luts(width, depth), ff=(depth - 1).bit_length())
