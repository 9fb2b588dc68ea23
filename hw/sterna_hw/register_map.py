"""The register map of an accelerator: one table for gateware, driver and documentation.

Software sees a small memory of 32-bit words behind AXI4-Lite. What lies where is said once, here,
as data: registers at fixed offsets, made of named fields, each with a kind of access and a meaning.
`register_file` makes the decoder and the storage from the table, `driver_table` gives the same
facts as plain dictionaries, and `register_page` writes `docs/registers.md`. Nothing else in the
project may spell an offset or a bit position.

All words are little-endian and are read and written whole. Offsets never change their meaning
within one map version; a register that a design cannot use reads as zero. The table says nothing
about what the fields do in gateware: that is the business of the parts that are wired to them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .registers import Access, Field, Register, RegisterMap

__all__ = [
    "COUNTERS",
    "ERRORS",
    "MAGIC",
    "MAP_VERSION",
    "MEMORY_ERRORS",
    "Identity",
    "accelerator_map",
    "errors_of",
]

MAGIC = 0x4E525453
"""Reads as the bytes ``STRN`` in memory order."""
MAP_VERSION = 1

ERRORS = (
    ("short_frame", "An input frame ended before its length; the missing elements were zero"),
    ("long_frame", "An input frame went on after its length; the surplus was dropped"),
    (
        "element_range",
        "An input element was outside its number format; its upper bits were ignored",
    ),
    ("reload_refused", "A row was written while not loading, or beyond a memory; it was dropped"),
)
"""Bits of the error register, from bit 0 up: name and meaning."""

MEMORY_ERRORS = (
    ("image_header", "External memory does not begin with the header of this design's weights"),
    (
        "read_response",
        "Memory answered a read with an error, or not as AXI4 allows: results are not to be "
        "trusted until the next reset",
    ),
)
"""The bits above, in designs with weights in external memory."""

COUNTERS = (
    ("frames_in", "Frames begun at the input"),
    ("frames_out", "Frames completed at the output"),
    ("busy_cycles", "Cycles with at least one frame inside"),
    ("input_stall_cycles", "Cycles in which the source offered a beat and the input was not ready"),
    ("input_wait_cycles", "Cycles in which the input was ready and the source offered nothing"),
    ("output_stall_cycles", "Cycles in which a result was offered and the sink was not ready"),
)
"""Counters from 0x40 up, one word each: name and what is counted."""


@dataclass(frozen=True)
class Identity:
    """The constants that tell software which design answers.

    ``build_hash`` is 32 bits of the build's digest; bytes count one beat of the AXI4-Stream data;
    elements count one frame; ``memories`` is how many memories can be reloaded. ``memory_ports``
    bring weights from external memory; ``image_hash`` is what the header there must hold, and
    ``image_words`` how many words of 16 bytes are read.
    """

    build_hash: int = 0
    input_bytes: int = 1
    output_bytes: int = 1
    input_elements: int = 1
    output_elements: int = 1
    memories: int = 0
    memory_ports: int = 0
    image_hash: int = 0
    image_words: int = 0


def errors_of(identity: Identity) -> tuple[tuple[str, str], ...]:
    """Names and meanings of the bits of a design's error register, from bit 0 up."""
    return ERRORS + MEMORY_ERRORS if identity.memory_ports else ERRORS


def _word(offset: int, name: str, access: Access, meaning: str, reset: int = 0) -> Register:
    return Register(offset, name, meaning, (Field("value", 0, 32, access, meaning, reset),))


def accelerator_map(identity: Identity) -> RegisterMap:
    """The register map of one accelerator.

    Raises
    ------
    ValueError
        If a constant of the identity does not fit its field.
    """
    capabilities = (
        Field(
            "reload", 0, 1, Access.CONSTANT, "Memories can be reloaded", int(identity.memories > 0)
        ),
        Field("counters", 1, 1, Access.CONSTANT, "The counters are present", 1),
        Field(
            "input_bytes", 8, 12, Access.CONSTANT, "Bytes of an input beat", identity.input_bytes
        ),
        Field(
            "output_bytes",
            20,
            12,
            Access.CONSTANT,
            "Bytes of an output beat",
            identity.output_bytes,
        ),
    )
    control = (
        Field("reload", 0, 1, Access.READ_WRITE, "Stop before the next frame, drain, then load"),
        Field("clear_counters", 1, 1, Access.PULSE, "Set all counters to zero"),
    )
    status = (
        Field("idle", 0, 1, Access.READ, "No frame is inside"),
        Field("loading", 1, 1, Access.READ, "Drained for reload: rows may be written"),
        Field("error", 2, 1, Access.READ, "A bit of the error register is set"),
    )
    error = tuple(
        Field(name, bit, 1, Access.CLEAR, meaning)
        for bit, (name, meaning) in enumerate(errors_of(identity))
    )
    interrupt = (
        Field("frame_done", 0, 1, Access.CLEAR, "A frame left the output"),
        Field("loading", 1, 1, Access.CLEAR, "Loading began"),
        Field("error", 2, 1, Access.CLEAR, "An error bit was set"),
        Field("enable", 16, 3, Access.READ_WRITE, "Bits 0 to 2 that drive the interrupt output"),
    )
    counters = tuple(
        _word(0x40 + 4 * index, name, Access.READ, f"{meaning}; wraps after 32 bits")
        for index, (name, meaning) in enumerate(COUNTERS)
    )
    reload = (
        Register(
            0x100, "reload_select", "Memory to be loaded",
            (Field("memory", 0, 8, Access.EXTERNAL, "Number of the memory"),),
        ),
        Register(
            0x104, "reload_row", "Row to be written next",
            (Field("row", 0, 24, Access.EXTERNAL, "Row; one more after each row written"),),
        ),
        _word(0x108, "memory_count", Access.CONSTANT, "Memories that can be loaded",
        identity.memories), _word(0x10C, "memory_rows", Access.READ, "Rows of the selected memory"),
        _word(0x110, "memory_row_width", Access.READ, "Bits of a row of the selected memory"),
        _word(0x114, "input_elements", Access.CONSTANT, "Elements of an input frame",
              identity.input_elements),
        _word(0x118, "output_elements", Access.CONSTANT, "Elements of an output frame",
              identity.output_elements),
    )  # fmt: skip
    memory: tuple[Register, ...] = ()
    if identity.memory_ports:
        ports = Field(
            "memory_ports", 4, 4, Access.CONSTANT, "AXI4 ports that read weights",
            identity.memory_ports,
        )  # fmt: skip
        start = Field(
            "read_weights", 2, 1, Access.PULSE,
            "Compare the image's header and begin to read weights; after the base is written",
        )  # fmt: skip
        begun = Field(
            "reading_weights", 3, 1, Access.READ, "The header was right: frames may enter",
        )  # fmt: skip
        capabilities, control, status = (*capabilities, ports), (*control, start), (*status, begun)
        memory = (
            _word(0x160, "image_base_low", Access.READ_WRITE, "Byte address of the image, a "
                  "multiple of 4096, not to be changed after read_weights: low half"),
            _word(0x164, "image_base_high", Access.READ_WRITE, "High half"),
            _word(0x168, "image_hash", Access.CONSTANT, "Hash that the image's header must hold",
                  identity.image_hash),
            _word(0x16C, "image_words", Access.CONSTANT, "Words of 16 bytes of the image",
                  identity.image_words),
        )  # fmt: skip
    return RegisterMap(
        (
            _word(0x00, "magic", Access.CONSTANT, "The bytes STRN", MAGIC),
            _word(0x04, "map_version", Access.CONSTANT, "Version of this map", MAP_VERSION),
            _word(0x08, "build_hash", Access.CONSTANT, "Digest of the build", identity.build_hash),
            Register(0x0C, "capabilities", "What the design can do", capabilities),
            Register(0x10, "control", "What the design shall do", control),
            Register(0x14, "status", "What the design is doing", status),
            Register(0x18, "error", "What went wrong, until cleared", error),
            Register(0x1C, "interrupt", "Events, until cleared, and their enables", interrupt),
            *counters,
            *reload,
            *memory,
        )
    )
