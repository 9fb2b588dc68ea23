"""The decoder's instruction set as a table: opcodes, slots, operands, and what each one means.

A program describes one pass of up to B tokens through the decoder. Two readers walk through the
same list: the fetcher runs ahead and asks memory for what each instruction will need, the executor
follows and makes the units do the work. An instruction is one word of 128 bits: an opcode and five
slots of fixed place and width, so the gateware decodes without looking at the opcode. Which slots
an opcode uses, what they are called there and what they mean stands in `INSTRUCTIONS`; everything
else (gateware, assembler, documentation) reads that table. Opcode 0 is no instruction, so a program
memory full of zeros is refused.

Addresses and sizes of transfers count memory words: 16 bytes of each memory port. Blocks are those
of the engine: T*G inputs, Q outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "INSTRUCTIONS",
    "INSTRUCTION_WIDTH",
    "SLOTS",
    "Definition",
    "Fetch",
    "Opcode",
    "Operand",
]


class Opcode(IntEnum):
    """What the low eight bits of an instruction can be."""

    STREAM = 1
    EMBED = 2
    ROTATION = 3
    CONSTANTS = 4
    GAINS = 5
    NORM = 6
    MATMUL = 7
    QUERY = 8
    VALUE = 9
    KEY = 10
    ATTEND = 11
    ADD = 12
    GATE = 13
    FINAL_NORM = 14
    HEAD = 15
    REPEAT = 16
    FINISH = 17


SLOTS: Mapping[str, int] = {
    "opcode": 8,
    "address": 32,
    "words": 28,
    "stride": 24,
    "count": 16,
    "extra": 16,
}
"""Fields of an instruction from bit 0 up, and their widths; the rest of the word is zero."""

INSTRUCTION_WIDTH = 128
"""Bits of an instruction: four words of 32 bits in the program window."""


class Fetch(IntEnum):
    """What the fetcher asks memory for."""

    NOTHING = 0
    STREAM = 1
    """``words`` from the constant stream, whose pointer moves on."""
    TOKEN_ROWS = 2
    """For each lane, row number *token* of the table at ``address``; a row is ``words`` long."""
    POSITION_ROWS = 3
    """Likewise, by the lane's position."""
    CACHE = 4
    """For each lane, keys and then values of all positions up to its own."""


@dataclass(frozen=True)
class Operand:
    """One operand of an opcode: its name there, the slot that holds it, and what it means."""

    name: str
    slot: str
    meaning: str


@dataclass(frozen=True)
class Definition:
    """One opcode: operands, what is fetched for it, and what it does."""

    opcode: Opcode
    fetch: Fetch
    meaning: str
    operands: tuple[Operand, ...] = ()

    def operand(self, name: str) -> Operand:
        """The operand of that name; KeyError if there is none."""
        for operand in self.operands:
            if operand.name == name:
                return operand
        raise KeyError(name)


_STREAM_WORDS = Operand("words", "words", "words taken from the stream")
_BEATS = Operand("beats", "count", "beats of the vector unit for a lane's vector")
_DRAIN = (
    Operand("first_block", "count", "first output block of the last matrix"),
    Operand("blocks", "extra", "output blocks taken"),
)

INSTRUCTIONS: Mapping[Opcode, Definition] = {
    definition.opcode: definition
    for definition in (
        Definition(
            Opcode.STREAM,
            Fetch.NOTHING,
            "Sets the pointer of the constant stream: where the words of the following CONSTANTS, "
            "GAINS, MATMUL and HEAD lie, one after the other in order of use.",
            (Operand("address", "address", "word at which the stream begins"),),
        ),
        Definition(
            Opcode.EMBED,
            Fetch.TOKEN_ROWS,
            "Residual of each lane = embedding row of its token.",
            (
                Operand("address", "address", "word at which the embedding begins"),
                Operand("words", "words", "words of a row"),
                _BEATS,
            ),
        ),
        Definition(
            Opcode.ROTATION,
            Fetch.POSITION_ROWS,
            "Rotation of each lane = row of its position: cosine and sine of each pair.",
            (
                Operand("address", "address", "word at which the rotations begin"),
                Operand("words", "words", "words of a row"),
                _BEATS,
            ),
        ),
        Definition(
            Opcode.CONSTANTS,
            Fetch.STREAM,
            "Takes the constants of a layer's matrices.",
            (_STREAM_WORDS, _BEATS),
        ),
        Definition(
            Opcode.GAINS,
            Fetch.STREAM,
            "Takes the gains that norms use from here on.",
            (_STREAM_WORDS, _BEATS),
        ),
        Definition(
            Opcode.NORM,
            Fetch.NOTHING,
            "Norm of each lane's residual; its codes become the input of the next MATMUL.",
            (_BEATS,),
        ),
        Definition(
            Opcode.MATMUL,
            Fetch.STREAM,
            "Ternary matrix times the codes of all lanes; the raw sums stay in the engine.",
            (
                _STREAM_WORDS,
                Operand("input_blocks", "count", "input blocks of the matrix"),
                Operand("output_blocks", "extra", "output blocks of the matrix"),
            ),
        ),
        Definition(
            Opcode.QUERY,
            Fetch.NOTHING,
            "Raw sums of each lane, rotated and quantised, become its query.",
            _DRAIN,
        ),
        Definition(
            Opcode.VALUE,
            Fetch.NOTHING,
            "Raw sums of each lane, quantised, become the value of its position in the cache; "
            "the scale is kept for the header of the key.",
            (
                *_DRAIN,
                Operand("address", "address", "word at which the cache begins"),
                Operand("region", "stride", "words of one layer's keys, or of its values"),
                Operand("record", "words", "words of one position"),
            ),
        ),
        Definition(
            Opcode.KEY,
            Fetch.NOTHING,
            "Raw sums of each lane, rotated and quantised, become the key of its position in the "
            "cache. It completes the layer's cache: ATTEND waits until memory has acknowledged it.",
            (
                *_DRAIN,
                Operand("address", "address", "word at which the cache begins"),
                Operand("region", "stride", "words of one layer's keys, or of its values"),
                Operand("record", "words", "words of one position"),
            ),
        ),
        Definition(
            Opcode.ATTEND,
            Fetch.CACHE,
            "Attention of each lane's query over positions up to its own; norm of the result; "
            "its codes become the input of the next MATMUL.",
            (
                Operand("address", "address", "word at which the cache begins"),
                Operand("region", "stride", "words of one layer's keys, or of its values"),
                Operand("record", "words", "words of one position"),
                _BEATS,
            ),
        ),
        Definition(
            Opcode.ADD,
            Fetch.NOTHING,
            "Raw sums of each lane, scaled, are added to its residual.",
            (*_DRAIN, Operand("constant", "address", "number of the matrix' constant")),
        ),
        Definition(
            Opcode.GATE,
            Fetch.NOTHING,
            "Raw sums of each lane, gate and up in turn, are gated; norm of the result; its codes "
            "become the input of the next MATMUL.",
            _DRAIN,
        ),
        Definition(
            Opcode.FINAL_NORM,
            Fetch.NOTHING,
            "Norm of the last lane's residual; its codes become the vector of HEAD.",
            (_BEATS,),
        ),
        Definition(
            Opcode.HEAD,
            Fetch.STREAM,
            "Products of the head's rows with that vector; the largest leave as the result.",
            (
                _STREAM_WORDS,
                Operand("last_slot", "stride", "(rows - 1) // memory ports"),
                Operand("last_port", "count", "(rows - 1) % memory ports"),
            ),
        ),
        Definition(
            Opcode.REPEAT,
            Fetch.NOTHING,
            "Goes back to the target until everything from there to here was done so many times "
            "in all. The layer's number counts the repeats. A program has one REPEAT at most.",
            (
                Operand("target", "count", "number of the first instruction that is repeated"),
                Operand("times", "extra", "times in all, 1 or more"),
            ),
        ),
        Definition(
            Opcode.FINISH,
            Fetch.NOTHING,
            "Ends the pass; with the condition, only if the host asked for no result of it.",
            (Operand("unless_result", "count", "1: only in a pass without a result; 0: always"),),
        ),
    )
}
"""Every opcode's definition."""
