"""Registers by the names of the design's table, as steps of a driver.

The table is that of the build (`registers` of `driver.json`), which is made from the register map
that the gateware is made from. No offset and no bit position is spelt here or in the drivers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bus import DriverError, Read32, Steps, WaitInterrupt, Write32

__all__ = ["Registers"]

ALL_ONES = 0xFFFFFFFF


class Registers:
    """``table[register]["offset"]`` in bytes, and ``table[register]["fields"][field]`` with
    ``low``, ``width``, ``access`` and ``reset``."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table

    def offset(self, name: str) -> int:
        """Byte address of a register."""
        return self.table[name]["offset"]

    def compose(self, name: str, **fields: int) -> int:
        """The word that has these fields and zeros elsewhere; a field's surplus bits are cut."""
        word = 0
        for field, value in fields.items():
            facts = self.table[name]["fields"][field]
            word |= (value & ((1 << facts["width"]) - 1)) << facts["low"]
        return word

    def split(self, name: str, word: int) -> dict[str, int]:
        """All fields of a register's word."""
        return {
            field: word >> facts["low"] & ((1 << facts["width"]) - 1)
            for field, facts in self.table[name]["fields"].items()
        }

    def read(self, name: str) -> Steps[int]:
        """A register's word."""
        return (yield Read32(self.offset(name)))

    def write(self, name: str, value: int) -> Steps[None]:
        """Writes a register's word; surplus bits are cut."""
        yield Write32(self.offset(name), value & ALL_ONES)

    def set(self, name: str, **fields: int) -> Steps[None]:
        """Writes a register: these fields, zeros elsewhere."""
        yield from self.write(name, self.compose(name, **fields))

    def fields(self, name: str) -> Steps[dict[str, int]]:
        """A register's fields."""
        return self.split(name, (yield from self.read(name)))

    def check_identity(self) -> Steps[None]:
        """That every constant of the table reads as the build says.

        Raises
        ------
        DriverError
            If one does not: another design answers, or none.
        """
        for name, register in self.table.items():
            fixed = {
                field: facts["reset"]
                for field, facts in register.get("fields", {}).items()
                if facts["access"] == "constant"
            }
            if fixed:
                found = yield from self.fields(name)
                for field, wanted in fixed.items():
                    if found[field] != wanted:
                        which = name if field == "value" else f"{name}.{field}"
                        raise DriverError(
                            f"Register {which} must read {wanted:#x}, as in the build, not "
                            f"{found[field]:#x}"
                        )

    def read_errors(self) -> Steps[list[str]]:
        """Names of the bits that are set in the error register."""
        found = yield from self.fields("error")
        return [name for name, is_set in found.items() if is_set]

    def clear_errors(self) -> Steps[None]:
        """Clears the error register."""
        yield from self.write("error", ALL_ONES)

    def enable_interrupts(self, *events: str) -> Steps[None]:
        """Clears these events, and lets them, and no others, drive the interrupt output."""
        table = self.table["interrupt"]["fields"]
        ones = self.compose("interrupt", **dict.fromkeys(events, 1))
        yield from self.write("interrupt", ones << table["enable"]["low"] | ones)

    def wait_interrupt(self, *events: str) -> Steps[bool]:
        """Waits for one of these events, which are enabled; false if the bus lost patience."""
        ones = self.compose("interrupt", **dict.fromkeys(events, 1))
        return (yield WaitInterrupt(self.offset("interrupt"), ones))
