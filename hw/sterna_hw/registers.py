"""Registers as data: words at fixed offsets, made of named fields.

What software can do with a field, and what it means, is said with it, so that gateware
(`register_file`), the driver's table (`driver_table`), documentation and headers all come from one
`RegisterMap`. All words have 32 bits, are little-endian, and are read and written whole. Behind the
registers there may be a window of words that another part keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "WINDOW_OFFSET",
    "WINDOW_WORDS",
    "Access",
    "Field",
    "Register",
    "RegisterMap",
    "driver_table",
]

WINDOW_OFFSET = 0x1000
WINDOW_WORDS = 1024


class Access(Enum):
    """What software can do with a field.

    A ``CONSTANT`` is fixed when the design is built; ``READ`` shows a signal; ``READ_WRITE`` holds
    what was written; ``CLEAR`` holds an event until a one is written to it; ``PULSE`` does
    something when a one is written and reads as zero; ``EXTERNAL`` is kept by another part, which
    may change it as well as software.
    """

    CONSTANT = "constant"
    READ = "read only"
    READ_WRITE = "read and write"
    CLEAR = "write one to clear"
    PULSE = "write one to trigger"
    EXTERNAL = "read and write, changed by hardware"

    @property
    def writable(self) -> bool:
        return self not in (Access.CONSTANT, Access.READ)


@dataclass(frozen=True)
class Field:
    """Neighbouring bits of a register: ``width`` bits from bit ``low`` up.

    ``reset`` is the value after reset, or the value itself of a constant.
    """

    name: str
    low: int
    width: int
    access: Access
    meaning: str
    reset: int = 0

    def __post_init__(self) -> None:
        if self.low < 0 or self.width < 1 or self.low + self.width > 32:
            raise ValueError(
                f"Bits of field {self.name} must be within 0 to 31, not {self.low} to "
                f"{self.low + self.width - 1}"
            )
        if not 0 <= self.reset < 1 << self.width:
            raise ValueError(
                f"Reset of field {self.name} must fit {self.width} bits, not {self.reset!r}"
            )


@dataclass(frozen=True)
class Register:
    """One 32-bit word at ``offset`` bytes; bits that no field names read as zero."""

    offset: int
    name: str
    meaning: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        if self.offset % 4 or not 0 <= self.offset < WINDOW_OFFSET:
            raise ValueError(
                f"Offset of register {self.name} must be a multiple of 4 below "
                f"{WINDOW_OFFSET:#x}, not {self.offset:#x}"
            )
        taken = 0
        for field in self.fields:
            bits = ((1 << field.width) - 1) << field.low
            if taken & bits:
                raise ValueError(
                    f"Fields of register {self.name} must be apart, not overlapping at {field.name}"
                )
            taken |= bits

    @property
    def writable(self) -> bool:
        return any(field.access.writable for field in self.fields)


@dataclass(frozen=True)
class RegisterMap:
    """Registers in ascending order of offset, and the window of ``window_words`` words."""

    registers: tuple[Register, ...]
    window_offset: int = WINDOW_OFFSET
    window_words: int = WINDOW_WORDS

    def __post_init__(self) -> None:
        offsets = [register.offset for register in self.registers]
        if any(a >= b for a, b in zip(offsets, offsets[1:])):
            raise ValueError(f"Offsets of a register map must ascend, not be {offsets!r}")

    @property
    def address_width(self) -> int:
        """Bits of a byte address that reaches every register and the whole window."""
        return (self.window_offset + 4 * self.window_words - 1).bit_length()

    def register(self, name: str) -> Register:
        for register in self.registers:
            if register.name == name:
                return register
        raise KeyError(name)


def driver_table(registers: RegisterMap) -> dict[str, dict]:
    """The map as plain dictionaries: ``table[register]["offset"]`` in bytes and
    ``table[register]["fields"][field]`` with ``low``, ``width``, ``access`` and ``reset``, all with
    their ``meaning``. The window is the entry ``reload_window`` with ``offset`` and ``words``."""
    table: dict[str, dict] = {
        register.name: {
            "offset": register.offset,
            "meaning": register.meaning,
            "fields": {
                field.name: {
                    "low": field.low,
                    "width": field.width,
                    "access": field.access.value,
                    "reset": field.reset,
                    "meaning": field.meaning,
                }
                for field in register.fields
            },
        }
        for register in registers.registers
    }
    table["reload_window"] = {"offset": registers.window_offset, "words": registers.window_words}
    return table
