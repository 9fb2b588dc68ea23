"""The register map of a decoder: what the host writes to have tokens, and what it reads.

The same kind of table as that of the spatial accelerators (`sterna_hw.register_map`), with the same
words at the same offsets where both mean the same: identity, control, status, error, interrupt,
counters. From 0x100 on come the words of a run: what is asked for, the prompt, the output, the best
logits, the program, and where memory is. Prompt and program are written word by word to one
register, whose place moves on by itself. There is no window.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..register_map import MAGIC
from ..registers import Access, Field, Register, RegisterMap

__all__ = [
    "DECODER_COUNTERS",
    "DECODER_ERRORS",
    "DECODER_MAP_VERSION",
    "FATAL_ERRORS",
    "DecoderIdentity",
    "decoder_map",
]

DECODER_MAP_VERSION = 1

DECODER_ERRORS = (
    ("empty_prompt", "The run was refused: its prompt has no token"),
    ("position_range", "The run was refused: its positions leave the context"),
    ("token_range", "The run was refused: a token of the prompt is not in the vocabulary"),
    ("write_refused", "Something was written or started that may not be now; it was dropped"),
    ("illegal_instruction", "The program has an unknown opcode or a wrong REPEAT"),
    ("program_end", "The program runs past its end"),
    ("operand", "An instruction asks for more than the units hold, or writes beyond the memory"),
    ("memory_range", "A transfer would leave the memory, or has no words"),
    ("image_header", "A port's image does not begin with the header of the model and the port"),
    ("read_response", "Memory answered a read with an error, or not as AXI4 allows"),
    ("write_response", "Memory answered a write with an error"),
    ("matrix_end", "A matrix ended in the middle of a word group: image and program disagree"),
    ("watchdog", "Nothing moved for as long as the watchdog allows"),
)
"""Bits of the error register, from bit 0 up: name and meaning."""

FATAL_ERRORS = tuple(name for name, _ in DECODER_ERRORS[4:])
"""Errors that stop the run; ``control.recover`` makes the design fit for the next one."""

DECODER_COUNTERS = (
    ("passes", "Passes done"),
    ("busy_cycles", "Cycles in which a run was under way"),
    ("words", "Memory words given to the units"),
    ("hungry_cycles", "Cycles of a run without a memory word for the units"),
    ("full_cycles", "Cycles of a run in which a memory word waited for its unit"),
    ("matrix_cycles", "Cycles in which the engine was at work"),
    ("vector_cycles", "Cycles in which the vector unit was at work"),
    ("attention_cycles", "Cycles in which the attention unit was at work"),
)
"""Counters from 0x40 up, one word each: name and what is counted."""

WATCHDOG_CYCLES = 1 << 20


@dataclass(frozen=True)
class DecoderIdentity:
    """The constants that tell software which design answers.

    ``best_count`` is how many logits a result has, ``program_depth`` how many instructions the
    program memory holds; ``model_hash`` is what the image's header must say, and ``memory_words``
    how many words the memory has, until the host writes another number.
    """

    build_hash: int = 0
    model_hash: int = 0
    lanes: int = 1
    ports: int = 1
    best_count: int = 1
    context: int = 1
    vocabulary: int = 2
    program_depth: int = 64
    memory_words: int = 0


def _word(
    offset: int, name: str, access: Access, meaning: str, reset: int = 0, width: int = 32
) -> Register:
    return Register(offset, name, meaning, (Field("value", 0, width, access, meaning, reset),))


def decoder_map(identity: DecoderIdentity) -> RegisterMap:
    """The register map of one decoder.

    Raises
    ------
    ValueError
        If a constant of the identity does not fit its field.
    """
    constant, read, both = Access.CONSTANT, Access.READ, Access.READ_WRITE
    moving = Access.EXTERNAL
    capabilities = (
        Field("reload", 0, 1, constant, "Memories can be reloaded"),
        Field("counters", 1, 1, constant, "The counters are present", 1),
        Field("decoder", 2, 1, constant, "The design is a decoder", 1),
        Field("lanes", 8, 8, constant, "Tokens of a pass at most", identity.lanes),
        Field("ports", 16, 4, constant, "Memory ports", identity.ports),
        Field("best_count", 20, 8, constant, "Logits of a result", identity.best_count),
    )
    control = (
        Field("start", 0, 1, Access.PULSE, "Begin a run; only while idle and without failure"),
        Field("clear_counters", 1, 1, Access.PULSE, "Set all counters to zero"),
        Field(
            "recover", 2, 1, Access.PULSE, "Stop; when memory is at rest, start afresh: clears "
            "what stopped a run, but no bit of the error register",
        ),
    )  # fmt: skip
    status = (
        Field("idle", 0, 1, read, "No run is under way, and none has failed"),
        Field("failed", 1, 1, read, "A run was stopped by an error; recover before the next"),
        Field("error", 2, 1, read, "A bit of the error register is set"),
        Field("recovering", 3, 1, read, "Waiting for memory to come to rest"),
    )
    error = tuple(
        Field(name, bit, 1, Access.CLEAR, meaning)
        for bit, (name, meaning) in enumerate(DECODER_ERRORS)
    )
    interrupt = (
        Field("done", 0, 1, Access.CLEAR, "A run ended"),
        Field("error", 1, 1, Access.CLEAR, "An error bit was set"),
        Field("token", 2, 1, Access.CLEAR, "A token was written to the output"),
        Field("enable", 16, 3, both, "Bits 0 to 2 that drive the interrupt output"),
    )
    counters = tuple(
        _word(0x40 + 4 * index, name, read, f"{meaning}; wraps after 32 bits")
        for index, (name, meaning) in enumerate(DECODER_COUNTERS)
    )
    place = (
        Field("instruction", 0, 16, read, "Number of the instruction that failed or is at work"),
        Field("layer", 16, 16, read, "Number of its layer"),
    )
    scale = (
        Field("mantissa", 0, 16, read, "Mantissa of the norm scale of the result's vector"),
        Field("exponent", 16, 12, read, "Its exponent, two's complement"),
    )
    stop = (
        Field("token", 0, 31, both, "Token that ends a run"),
        Field("enable", 31, 1, both, "Whether there is one"),
    )
    run = (
        _word(0x100, "start_position", both, "Position of the prompt's first token"),
        _word(0x104, "prompt_count", both, "Tokens of the prompt"),
        _word(0x108, "generate_count", both, "Tokens to be generated at most"),
        Register(0x10C, "stop", "Where a run ends early", stop),
        _word(0x110, "watchdog", both, "Cycles without movement that stop a run; 0: never",
              WATCHDOG_CYCLES),
        _word(0x114, "model_hash", both, "Hash that the image's header must hold",
              identity.model_hash),
        _word(0x118, "memory_words", both, "Words of the memory, image and cache",
              identity.memory_words),
        _word(0x11C, "position", read, "Position of the next token, were it given"),
        _word(0x120, "produced", read, "Tokens in the output, of the present or the last run"),
        _word(0x124, "prompt_index", moving, "Place in the prompt of the next token written"),
        _word(0x128, "prompt_token", moving, "Write: a token of the prompt; the index moves on"),
        _word(0x12C, "output_index", both, "Place in the output of the token read"),
        _word(0x130, "output_token", read, "That token"),
        _word(0x134, "best_index", both, "Place in the result of the logit read"),
        _word(0x138, "best_token", read, "The token of that logit"),
        _word(0x13C, "best_logit", read, "That logit, two's complement"),
        Register(0x140, "logit_scale", "What makes real logits", scale),
        _word(0x144, "program_index", moving, "Number of the next instruction written, times 4"),
        _word(0x148, "program_word", moving,
              "Write: 32 bits of the program, lowest first; the index moves on by one"),
        Register(0x14C, "place", "Where the program is", place),
        _word(0x150, "context", constant, "Positions", identity.context),
        _word(0x154, "vocabulary", constant, "Tokens", identity.vocabulary),
        _word(0x158, "program_depth", constant, "Instructions of a program at most",
              identity.program_depth),
    )  # fmt: skip
    bases = tuple(
        register
        for port in range(4)
        for register in (
            _word(0x160 + 8 * port, f"base{port}_low", both, f"Byte address of port {port}'s "
                  "region, a multiple of 4096: low half"),
            _word(0x164 + 8 * port, f"base{port}_high", both, "High half"),
        )
    )  # fmt: skip
    return RegisterMap(
        (
            _word(0x00, "magic", constant, "The bytes STRN", MAGIC),
            _word(0x04, "map_version", constant, "Version of this map", DECODER_MAP_VERSION),
            _word(0x08, "build_hash", constant, "Digest of the build", identity.build_hash),
            Register(0x0C, "capabilities", "What the design can do", capabilities),
            Register(0x10, "control", "What the design shall do", control),
            Register(0x14, "status", "What the design is doing", status),
            Register(0x18, "error", "What went wrong, until cleared", error),
            Register(0x1C, "interrupt", "Events, until cleared, and their enables", interrupt),
            *counters,
            *run,
            *bases,
        )
    )
