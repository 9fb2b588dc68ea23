"""The C header of a register map, for drivers that are not in Python.

Written from the table of the map that the gateware is made from (`driver_table`), so it cannot
disagree with it: an offset for each register, shift and mask for each field, the value of each
constant, and two functions that read and write a word. Names are those of the map in capitals
behind a prefix. Freestanding C99.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .registers import Access

__all__ = ["register_header"]


def register_header(table: Mapping[str, Any], prefix: str) -> str:
    """The text of a header whose names begin with ``prefix``, from a design's `driver_table`.

    Raises
    ------
    ValueError
        If the prefix is no identifier of C.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix):
        raise ValueError(f"Prefix of a header must be an identifier, not {prefix!r}")
    head = prefix.upper()
    lines = [
        f"/* Registers of {prefix}: byte offsets of 32-bit words, made with the design. */",
        f"#ifndef {head}_REGISTERS_H",
        f"#define {head}_REGISTERS_H",
        "",
        "#include <stdint.h>",
        "",
    ]
    for register, facts in table.items():
        lines += _register(f"{head}_{register.upper()}", facts)
    name = prefix.lower()
    lines += [
        f"static inline uint32_t {name}_read(const volatile void *base, uint32_t offset)",
        "{",
        "    return ((const volatile uint32_t *)base)[offset / 4u];",
        "}",
        "",
        f"static inline void {name}_write(volatile void *base, uint32_t offset, uint32_t value)",
        "{",
        "    ((volatile uint32_t *)base)[offset / 4u] = value;",
        "}",
        "",
        f"#endif /* {head}_REGISTERS_H */",
    ]
    return "\n".join(lines) + "\n"


def _register(name: str, facts: Mapping[str, Any]) -> list[str]:
    offset = f"#define {name}_OFFSET 0x{facts['offset']:03X}u"
    if "fields" not in facts:
        words = f"#define {name}_WORDS {facts['words']}u"
        return ["/* Words of a row that is loaded. */", offset, words, ""]
    lines = [f"/* {facts['meaning']}. */", offset]
    for field, bits in facts["fields"].items():
        own = name if field == "value" else f"{name}_{field.upper()}"
        if field != "value":
            lines.append(f"/*   {bits['meaning']} ({bits['access']}). */")
        mask = ((1 << bits["width"]) - 1) << bits["low"]
        lines.append(f"#define {own}_SHIFT {bits['low']}u")
        lines.append(f"#define {own}_MASK 0x{mask:08X}u")
        if bits["access"] == Access.CONSTANT.value:
            lines.append(f"#define {own}_VALUE 0x{bits['reset']:X}u")
    return [*lines, ""]
