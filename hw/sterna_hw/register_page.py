"""The page on registers for users, `docs/registers.md`, written from the register map.

The table of registers and fields is made from the map itself, so it cannot disagree with the
gateware; the text before it tells how accesses are answered and how a reload is done. A test
demands that the page in the repository is what this file writes. Values that depend on the design
are shown as such.
"""

from __future__ import annotations

from .register_map import Identity, accelerator_map
from .registers import WINDOW_OFFSET, WINDOW_WORDS, Access

__all__ = ["register_page"]

_INTRODUCTION = """# Registers

This page is written by `sterna_hw.register_page`; do not edit it by hand.

An accelerator answers on AXI4-Lite with 32-bit little-endian words. Writes are whole words: a write
with a byte strobe low, a write to a register that has nothing to write, a read of the reload window
and any access to an offset that is not listed are answered by SLVERR and change nothing. Bits that
are not listed read as zero and ignore writes. Values shown as *design* are constants of the design.

## Reloading weights and thresholds

In designs built with `--reloadable`. `sterna.reload.reload_rows(design, graph)` makes the rows of
all memories from another network of the same shape, such as one trained further. A network with a
table (an activation that is not monotone, or one of more than 255 levels that no multiplier gives
exactly) cannot be built so: with weights yet unknown the sums may be anything that the alphabet can
write, and the table would need an entry for each of them.

1. Set `control.reload`. The input takes no new frame; frames that are inside run to their end.
2. Wait until `status.loading` is set.
3. For each memory: write its number to `reload_select` and the first row to `reload_row`. Then for
   each row write its 32-bit words, least significant first, to the window at 0x1000 + 4 * word. The
   row is stored when its last word, ceil(`memory_row_width` / 32) - 1, is written; `reload_row`
   then goes to the next row. Every word of a row must be written.
4. Clear `control.reload`. All memories start again from their first row, so that new weights and
   the thresholds that belong to them take effect together.

A word that is written while not loading, to a memory that does not exist, beyond the last row or
beyond the last word of a row is answered by SLVERR, sets `error.reload_refused` and is dropped.

## Weights in external memory

In designs whose weights, or some of them, stream from memory
([external weights](external_weights.md)): `capabilities.memory_ports` is not 0. Only they have the
`image_` registers, the fields `control.read_weights` and `status.reading_weights` and the errors
`image_header` and `read_response`.

1. Put `weights.bin` into memory, at a multiple of 4,096, and compare its sha256 with the build's
   record: the accelerator looks at the first 16 bytes only.
2. Write the address to `image_base_low` and `image_base_high`.
3. Set `control.read_weights`. Each port compares the image's header with `image_hash`.
4. Wait until `status.reading_weights` is set: frames may enter, and not before (`s_axis_tready` is
   low until then). If `error.image_header` comes instead, put the right image there and go back
   to 3.

Weights are then read until the next reset, after which all of this is done again. An answer of
memory that reports a failure sets `error.read_response`; frames go on, with results that are not to
be trusted.
"""


def register_page() -> str:
    """The text of `docs/registers.md`."""
    lines = [_INTRODUCTION, "## Map", ""]
    lines += ["| offset | register | bits | field | access | reset | meaning |"]
    lines += ["|---|---|---|---|---|---|---|"]
    fixed = ("magic", "map_version", "counters")
    for register in accelerator_map(Identity(memory_ports=1)).registers:
        for field in register.fields:
            high = field.low + field.width - 1
            bits = f"{high}:{field.low}" if field.width > 1 else f"{field.low}"
            reset = f"{field.reset:#x}"
            if field.access is Access.READ:
                reset = "-"
            elif field.access is Access.CONSTANT and not {register.name, field.name} & set(fixed):
                reset = "design"
            lines.append(
                f"| 0x{register.offset:03X} | {register.name} | {bits} | {field.name} | "
                f"{field.access.value} | {reset} | {field.meaning} |"
            )
    end = WINDOW_OFFSET + 4 * WINDOW_WORDS - 1
    lines.append(
        f"| 0x{WINDOW_OFFSET:X} to 0x{end:X} | reload_window | 31:0 | word | write only | - | "
        "Words of the row to be stored |"
    )
    return "\n".join(lines) + "\n"
