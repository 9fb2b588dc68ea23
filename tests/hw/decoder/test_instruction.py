"""Instructions: encoding and back, refusals, slots that do not overlap."""

from __future__ import annotations

import random

import pytest

from sterna_hw.decoder.instruction import (
    INSTRUCTION_WIDTH,
    INSTRUCTIONS,
    SLOTS,
    Instruction,
    Opcode,
    instruction_layout,
)


@pytest.mark.parametrize("opcode", Opcode, ids=lambda opcode: opcode.name)
def test_every_instruction_decodes_to_itself(opcode: Opcode) -> None:
    random.seed(int(opcode))
    for extreme in (0, 1, None):
        operands = {}
        for operand in INSTRUCTIONS[opcode].operands:
            largest = (1 << SLOTS[operand.slot]) - 1
            operands[operand.name] = random.randint(0, largest) if extreme is None else largest
            if extreme == 0:
                operands[operand.name] = 0
        instruction = Instruction(opcode, operands)
        word = instruction.encode()
        assert 0 < word < 1 << INSTRUCTION_WIDTH
        assert Instruction.decode(word) == instruction
        assert instruction_layout().const(None).as_value().shape().width == INSTRUCTION_WIDTH


@pytest.mark.parametrize("opcode", Opcode, ids=lambda opcode: opcode.name)
def test_each_operand_has_a_slot_of_its_own(opcode: Opcode) -> None:
    slots = [operand.slot for operand in INSTRUCTIONS[opcode].operands]
    assert len(set(slots)) == len(slots)
    assert set(slots) <= set(SLOTS) - {"opcode"}


def test_the_encoding_is_what_the_page_says() -> None:
    instruction = Instruction(
        Opcode.MATMUL, {"words": 0x123, "input_blocks": 5, "output_blocks": 7}
    )
    expected = 7 | 0x123 << 40 | 5 << 92 | 7 << 108
    assert instruction.encode() == expected


@pytest.mark.parametrize(
    ("opcode", "operands", "message"),
    [
        (Opcode.ADD, {"width": 1}, "Operand of ADD must be first_block, blocks, constant, not"),
        (Opcode.NORM, {"beats": 1 << 16}, "Operand beats of NORM must fit 16 bits, not 65536"),
        (Opcode.NORM, {"beats": -1}, "Operand beats of NORM must fit 16 bits, not -1"),
    ],
)
def test_wrong_operands_are_refused(opcode: Opcode, operands: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Instruction(opcode, operands)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (0, "Opcode must be 1 to 17, not 0"),
        (99, "Opcode must be 1 to 17, not 99"),
        (17 | 1 << 127, "Unused bits of FINISH must be zero"),
        (6 | 1 << 8, "Unused bits of NORM must be zero"),
    ],
)
def test_words_that_are_no_instruction_are_refused(word: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Instruction.decode(word)
