"""The assembler: text, words and back; a shape's program takes the stream in its order."""

from __future__ import annotations

import random

import pytest

from sterna.decoder.assembler import (
    assemble,
    decoder_program,
    disassemble,
    parse_program,
    print_program,
)
from sterna.decoder.layout import DecoderLayout
from sterna.decoder.shape import BITNET_0B7, BITNET_2B4T, DecoderShape
from sterna_hw.decoder.instruction import INSTRUCTIONS, SLOTS, Fetch, Instruction, Opcode

TINY = DecoderShape(2, 64, 96, 2, 1, 32, 50, 40)
LAYOUTS = [
    DecoderLayout(TINY, 1, 24, 4),
    DecoderLayout(TINY, 3, 30, 8),
    DecoderLayout(BITNET_0B7, 4, 48, 8),
    DecoderLayout(BITNET_2B4T, 4, 48, 8),
    DecoderLayout(BITNET_2B4T, 1, 48, 2),
]


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_random_programs_survive_text_and_words(seed: int) -> None:
    choose = random.Random(seed)
    program = []
    for _ in range(40):
        opcode = choose.choice(list(Opcode))
        operands = {
            operand.name: choose.choice((0, 1, choose.randrange(1 << SLOTS[operand.slot])))
            for operand in INSTRUCTIONS[opcode].operands
        }
        program.append(Instruction(opcode, operands))
    assert parse_program(print_program(program)) == tuple(program)
    assert disassemble(assemble(program)) == tuple(program)


def test_names_and_comments() -> None:
    program = parse_program(
        "# nothing here\nSTREAM address=0x10\nagain:\n  NORM beats=3  # three\n"
        "REPEAT target=again times=2\nFINISH\n"
    )
    assert [instruction.opcode.name for instruction in program] == [
        "STREAM", "NORM", "REPEAT", "FINISH",
    ]  # fmt: skip
    assert program[0]["address"] == 16
    assert program[2].operands == {"target": 1, "times": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("JUMP", "Instruction in line 1 must be an opcode, not 'JUMP'"),
        ("\nNORM 3", "Operand in line 2 must be name=value, not '3'"),
        ("NORM beats=x", "Value of beats in line 1 must be a number, not 'x'"),
        ("NORM beats=1 beats=1", "Operand beats in line 1 must stand once, not twice"),
        ("NORM words=1", "Line 1: Operand of NORM must be beats, not 'words'"),
        ("NORM beats=65536", "Line 1: Operand beats of NORM must fit 16 bits, not 65536"),
        ("a:\na:\nFINISH", "Name in line 2 must be new, not 'a'"),
    ],
)
def test_wrong_text_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_program(text)


def test_wrong_words_are_refused_with_their_number() -> None:
    with pytest.raises(ValueError, match="Word 1: Opcode must be 1 to 17, not 0"):
        disassemble([Instruction(Opcode.FINISH).encode(), 0])
    with pytest.raises(ValueError, match="Word 0 must fit 128 bits"):
        disassemble([1 << 128])


@pytest.mark.parametrize(
    "layout", LAYOUTS, ids=lambda layout: f"{layout.shape.name}-{layout.ports}"
)
def test_the_program_takes_the_whole_stream_and_head(layout: DecoderLayout) -> None:
    program = decoder_program(layout)
    repeat = next(entry for entry in program if entry.opcode is Opcode.REPEAT)
    end = program.index(repeat)
    words = 0
    for number, instruction in enumerate(program):
        if INSTRUCTIONS[instruction.opcode].fetch is Fetch.STREAM:
            inside = repeat["target"] <= number < end
            words += instruction["words"] * (repeat["times"] if inside else 1)
    sections = layout.sections
    assert program[0]["address"] * 16 == sections["stream"].address
    assert words == sections["stream"].words + sections["head"].words
    assert sections["head"].address == sections["stream"].end


@pytest.mark.parametrize(
    "layout", LAYOUTS, ids=lambda layout: f"{layout.shape.name}-{layout.ports}"
)
def test_what_is_drained_is_what_the_matrix_made(layout: DecoderLayout) -> None:
    drained: set[int] = set()
    made = 0
    for instruction in decoder_program(layout):
        if instruction.opcode is Opcode.MATMUL:
            assert drained == set(range(made))
            drained, made = set(), instruction["output_blocks"]
        elif "blocks" in instruction.operands:
            first = instruction["first_block"]
            blocks = set(range(first, first + instruction["blocks"]))
            assert not blocks & drained
            drained |= blocks
    assert drained == set(range(made))
