"""Programs of the decoder: as text, as encoded words, and the one that runs a given shape.

The text form has one instruction a line, ``NAME operand=value ...``; a line ``name:`` names the
instruction after it, and REPEAT may use that name as its target; ``#`` begins a comment. Printing a
program and reading it again gives the same program. What opcodes and operands there are is known
from `sterna_hw.decoder.instruction` alone.

`decoder_program` writes the program of a shape: the order of work of a pass, with the addresses and
sizes of its memory layout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sterna_hw.decoder.instruction import INSTRUCTION_WIDTH, Instruction, Opcode

from .layout import CONSTANT_BYTES, DecoderLayout

__all__ = ["assemble", "decoder_program", "disassemble", "parse_program", "print_program"]

Program = tuple[Instruction, ...]


def parse_program(text: str) -> Program:
    """The program that a text tells.

    Raises
    ------
    ValueError
        With the number of the line, if it is not an instruction, a name or a comment.
    """
    lines: list[tuple[int, str]] = []
    names: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if found := re.fullmatch(r"([A-Za-z_]\w*):", line):
            if found[1] in names:
                raise ValueError(f"Name in line {number} must be new, not {found[1]!r}")
            names[found[1]] = len(lines)
        elif line:
            lines.append((number, line))
    return tuple(_parse_line(number, line, names) for number, line in lines)


def _parse_line(number: int, line: str, names: dict[str, int]) -> Instruction:
    name, *words = line.split()
    if name not in Opcode.__members__:
        raise ValueError(f"Instruction in line {number} must be an opcode, not {name!r}")
    operands: dict[str, int] = {}
    for word in words:
        found = re.fullmatch(r"(\w+)=(\w+)", word)
        if not found:
            raise ValueError(f"Operand in line {number} must be name=value, not {word!r}")
        operand, value = found[1], found[2]
        if operand in operands:
            raise ValueError(f"Operand {operand} in line {number} must stand once, not twice")
        try:
            operands[operand] = names[value] if value in names else int(value, 0)
        except ValueError:
            raise ValueError(
                f"Value of {operand} in line {number} must be a number, not {value!r}"
            ) from None
    try:
        return Instruction(Opcode[name], operands)
    except ValueError as error:
        raise ValueError(f"Line {number}: {error}") from None


def print_program(program: Sequence[Instruction]) -> str:
    """The program as text; `parse_program` gives it back. Targets are numbers of instructions,
    which comments show."""
    lines = []
    for number, instruction in enumerate(program):
        words = [instruction.opcode.name]
        words += [f"{name}={value}" for name, value in instruction.operands.items() if value]
        lines.append(f"{' '.join(words):<72}# {number}")
    return "\n".join(lines) + "\n"


def assemble(program: Sequence[Instruction]) -> list[int]:
    """Encoded words of `INSTRUCTION_WIDTH` bits, as the program memory holds them."""
    return [instruction.encode() for instruction in program]


def disassemble(words: Sequence[int]) -> Program:
    """The inverse of `assemble`.

    Raises
    ------
    ValueError
        With the number of the word, if it is no instruction.
    """
    program = []
    for number, word in enumerate(words):
        if not 0 <= word < 1 << INSTRUCTION_WIDTH:
            raise ValueError(f"Word {number} must fit {INSTRUCTION_WIDTH} bits, not {word:#x}")
        try:
            program.append(Instruction.decode(word))
        except ValueError as error:
            raise ValueError(f"Word {number}: {error}") from None
    return tuple(program)


def decoder_program(layout: DecoderLayout) -> Program:
    """The program of one pass of a shape.

    A beat of the vector unit has as many elements as the engine has queries. The order of what is
    taken from the stream is that of `DecoderLayout.layer_items`, followed by final gains and head.
    """
    shape, sections = layout.shape, layout.sections
    hidden, queries = shape.hidden // layout.queries, layout.queries
    items = dict(layout.layer_items)
    cache = {
        "address": sections["cache"].address // 16,
        "region": layout.region_bytes // 16,
        "record": layout.record_bytes // 16,
    }
    program: list[Instruction] = []

    def add(opcode: Opcode, **operands: int) -> None:
        program.append(Instruction(opcode, operands))

    def gains(norm: str, beats: int) -> None:
        add(Opcode.GAINS, words=layout.gain_words(norm), beats=beats)

    def matmul(name: str) -> None:
        add(
            Opcode.MATMUL,
            words=items[name],
            input_blocks=layout.input_blocks(name),
            output_blocks=layout.output_blocks(name),
        )

    # A row of rotations has a cosine and a sine for each pair: as many numbers as a head.
    add(Opcode.STREAM, address=sections["stream"].address // 16)
    add(
        Opcode.EMBED,
        address=sections["embedding"].address // 16,
        words=layout.embedding_row_words,
        beats=hidden,
    )
    add(
        Opcode.ROTATION,
        address=sections["rotations"].address // 16,
        words=layout.rotation_row_words,
        beats=shape.head_size // queries,
    )
    layer = len(program)
    # A constant is two numbers of 16 bits, which the vector unit takes like gains.
    add(Opcode.CONSTANTS, words=items["constants"], beats=CONSTANT_BYTES // 2 // queries)
    gains("attention_norm", hidden)
    add(Opcode.NORM, beats=hidden)
    matmul("qkv")
    q, v, k = (layout.output_blocks(name) for name in ("q", "v", "k"))
    # Values and keys go first: while queries are made, memory takes in what ATTEND waits for.
    add(Opcode.VALUE, first_block=q, blocks=v, **cache)
    add(Opcode.KEY, first_block=q + v, blocks=k, **cache)
    add(Opcode.QUERY, first_block=0, blocks=q)
    gains("attention_sub_norm", shape.query_size // queries)
    add(Opcode.ATTEND, beats=shape.query_size // queries, **cache)
    matmul("o")
    add(Opcode.ADD, first_block=0, blocks=layout.output_blocks("o"), constant=3)
    gains("feed_forward_norm", hidden)
    add(Opcode.NORM, beats=hidden)
    matmul("gate_up")
    gains("feed_forward_sub_norm", shape.feed_forward // queries)
    add(Opcode.GATE, first_block=0, blocks=layout.output_blocks("gate_up"))
    matmul("down")
    add(Opcode.ADD, first_block=0, blocks=layout.output_blocks("down"), constant=5)
    add(Opcode.REPEAT, target=layer, times=shape.layers)
    add(Opcode.FINISH, unless_result=1)
    gains("final_norm", hidden)
    add(Opcode.FINAL_NORM, beats=hidden)
    last_slot, last_port = divmod(shape.vocabulary - 1, layout.ports)
    add(Opcode.HEAD, words=sections["head"].words, last_slot=last_slot, last_port=last_port)
    add(Opcode.FINISH)
    return tuple(program)
