"""The memory map of an IP-XACT component, from the table of registers.

Access of a field follows from what software can do with it; a field that is cleared or triggered by
ones says so by `modifiedWriteValue`. Bits that hardware changes are volatile. Registers and the
window of words that are loaded are one address block, as large as the addresses that the port has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from sterna_hw.registers import Access

from .ipxact_text import node

__all__ = ["memory_maps"]

_ACCESS = {
    Access.CONSTANT.value: "read-only",
    Access.READ.value: "read-only",
    Access.READ_WRITE.value: "read-write",
    Access.CLEAR.value: "read-write",
    Access.PULSE.value: "read-write",
    Access.EXTERNAL.value: "read-write",
}
_WRITE = {Access.CLEAR.value: "oneToClear", Access.PULSE.value: "modify"}
_STEADY = (Access.CONSTANT.value, Access.READ_WRITE.value)


def memory_maps(
    root: ElementTree.Element, name: str, table: Mapping[str, Any], byte_count: int
) -> None:
    """Adds the memory map ``name`` with one address block of ``byte_count`` bytes."""
    entry = node(node(root, "memoryMaps"), "memoryMap")
    node(entry, "name", name)
    block = node(entry, "addressBlock")
    node(block, "name", "registers")
    node(block, "baseAddress", "0")
    node(block, "range", str(byte_count))
    node(block, "width", "32")
    node(block, "usage", "register")
    node(block, "access", "read-write")
    for register, facts in table.items():
        if "fields" in facts:
            _register(block, register, facts)
        else:
            window = node(block, "register")
            node(window, "name", register)
            node(window, "dim", str(facts["words"]))
            node(window, "addressOffset", hex(facts["offset"]))
            node(window, "size", "32")
            node(window, "access", "write-only")
    node(entry, "addressUnitBits", "8")


def _register(block: ElementTree.Element, name: str, facts: Mapping[str, Any]) -> None:
    entry, fields = node(block, "register"), facts["fields"].values()
    node(entry, "name", name)
    node(entry, "description", facts["meaning"])
    node(entry, "addressOffset", hex(facts["offset"]))
    node(entry, "size", "32")
    node(entry, "volatile", "false" if all(f["access"] in _STEADY for f in fields) else "true")
    writable = any(_ACCESS[field["access"]] != "read-only" for field in fields)
    node(entry, "access", "read-write" if writable else "read-only")
    reset = node(entry, "reset")
    node(reset, "value", hex(sum(field["reset"] << field["low"] for field in fields)))
    for field, bits in facts["fields"].items():
        part = node(entry, "field")
        node(part, "name", field)
        node(part, "description", bits["meaning"])
        node(part, "bitOffset", str(bits["low"]))
        node(part, "bitWidth", str(bits["width"]))
        node(part, "volatile", "false" if bits["access"] in _STEADY else "true")
        node(part, "access", _ACCESS[bits["access"]])
        if bits["access"] in _WRITE:
            node(part, "modifiedWriteValue", _WRITE[bits["access"]])
