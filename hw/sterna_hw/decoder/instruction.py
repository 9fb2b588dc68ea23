"""One instruction of the decoder, as operands by name and as a word of 128 bits.

`instruction_set` is the table of opcodes and their operands; this file puts values into its slots
and takes them out again, and gives the layout of a word for the gateware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from amaranth.lib import data

from .instruction_set import (
    INSTRUCTION_WIDTH,
    INSTRUCTIONS,
    SLOTS,
    Definition,
    Fetch,
    Opcode,
    Operand,
)

__all__ = [
    "INSTRUCTIONS",
    "INSTRUCTION_WIDTH",
    "SLOTS",
    "Definition",
    "Fetch",
    "Instruction",
    "Opcode",
    "Operand",
    "instruction_layout",
]


def instruction_layout() -> data.StructLayout:
    """The slots as gateware sees them (`INSTRUCTION_WIDTH` bits)."""
    spare = INSTRUCTION_WIDTH - sum(SLOTS.values())
    return data.StructLayout({**SLOTS, "spare": spare})


@dataclass(frozen=True)
class Instruction:
    """One instruction: an opcode and its operands by name; operands left out are 0.

    Raises
    ------
    ValueError
        If the opcode has no such operand, or a value does not fit its slot.
    """

    opcode: Opcode
    operands: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        definition = INSTRUCTIONS[self.opcode]
        known = {operand.name: operand for operand in definition.operands}
        for name, value in self.operands.items():
            if name not in known:
                names = ", ".join(known) or "none"
                raise ValueError(f"Operand of {self.opcode.name} must be {names}, not {name!r}")
            if not 0 <= value < 1 << SLOTS[known[name].slot]:
                raise ValueError(
                    f"Operand {name} of {self.opcode.name} must fit {SLOTS[known[name].slot]} "
                    f"bits, not {value!r}"
                )
        complete = {name: int(self.operands.get(name, 0)) for name in known}
        object.__setattr__(self, "operands", complete)

    def __getitem__(self, name: str) -> int:
        return self.operands[name]

    def encode(self) -> int:
        """The instruction as a number of `INSTRUCTION_WIDTH` bits."""
        definition = INSTRUCTIONS[self.opcode]
        slots = {operand.slot: self.operands[operand.name] for operand in definition.operands}
        slots["opcode"] = int(self.opcode)
        word, low = 0, 0
        for name, width in SLOTS.items():
            word |= slots.get(name, 0) << low
            low += width
        return word

    @classmethod
    def decode(cls, word: int) -> Instruction:
        """The instruction that `encode` wrote.

        Raises
        ------
        ValueError
            If the opcode is unknown, or a slot that it does not use is not zero.
        """
        slots, low = {}, 0
        for name, width in SLOTS.items():
            slots[name] = word >> low & ((1 << width) - 1)
            low += width
        if slots["opcode"] not in set(Opcode):
            raise ValueError(f"Opcode must be 1 to {max(Opcode)}, not {slots['opcode']}")
        definition = INSTRUCTIONS[Opcode(slots["opcode"])]
        instruction = cls(
            definition.opcode,
            {operand.name: slots[operand.slot] for operand in definition.operands},
        )
        if instruction.encode() != word:
            raise ValueError(f"Unused bits of {definition.opcode.name} must be zero, in {word:#x}")
        return instruction
