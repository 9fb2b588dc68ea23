"""The page on a decoder's registers for users, `docs/decoder_registers.md`, written from its map.

The table of registers and fields is made from the map itself, so it cannot disagree with the
gateware; the text before it tells how a host has tokens made. A test demands that the page in the
repository is what this file writes. Values that depend on the design are shown as such.
"""

from __future__ import annotations

from ..registers import Access
from .decoder_map import FATAL_ERRORS, DecoderIdentity, decoder_map

__all__ = ["decoder_page"]

_INTRODUCTION = """# Registers of a decoder

This page is written by `sterna_hw.decoder.decoder_page`; do not edit it by hand.

A decoder answers on AXI4-Lite with 32-bit little-endian words. Writes are whole words: a write with
a byte strobe low, a write to a register that has nothing to write, and any access to an offset that
is not listed are answered by SLVERR and change nothing. Bits that are not listed read as zero and
ignore writes. Values shown as *design* are constants of the design.

## Having tokens made

1. Once: put each port's image (`port0.bin`, ...) into memory at a multiple of 4096, write the
   addresses to the `base` registers and the words of a region (image and cache) to `memory_words`.
   Compare each file's size and sha256 with `decoder.json` before: the design itself looks at the
   headers only.
   A design whose memory is on the chip has its image and knows its words from the start, and its
   `base` registers mean nothing.
2. Write 0 to `prompt_index` and the prompt's tokens, one by one, to `prompt_token`. Write
   `start_position` (0, or where an earlier run ended: `position`), `prompt_count` and
   `generate_count`; if a token ends the text, `stop`.
3. Write 1 to `control`. `produced` counts the tokens in the output; read each by writing its place
   to `output_index`. `interrupt.token` is set with every token, `interrupt.done` at the end.

Greedy text needs one run. To draw tokens itself, the host asks for one at a time: it reads the best
logits (`best_index`, then `best_token` and `best_logit`; a logit is real after multiplication by
`logit_scale` and the constant of the head), draws, and starts the next run with the drawn token as
its prompt, at `position`. The cache keeps what was before. With `generate_count` 0 a prompt only
goes into the cache. The last token produced is not in the cache until it is given as a prompt.

The settings of a run must stand until it is over.

## When something goes wrong

A run that cannot be is refused before it begins: bits {refusals} of `error`. What goes wrong later
stops the run and sets `status.failed`: {fatal}. `place` then says which instruction of which
layer it was. Write 4 to `control` to recover (this also stops a healthy run): when nothing is under
way on the memory ports any more, everything but the registers is reset, and `status.idle` is set.
If memory never answers, recovery does not end; then reset the design and its memory interface.

## Another program

While idle, write 0 to `program_index` and the words of the program, four for an instruction, lowest
first, to `program_word`. Instructions: [instructions.md](instructions.md).

## Map

| offset | register | bits | field | access | reset | meaning |
|---|---|---|---|---|---|---|
"""

_FIXED = ("magic", "map_version", "counters", "decoder", "reload")


def decoder_page() -> str:
    """The text of `docs/decoder_registers.md`."""
    fatal = ", ".join(f"`{name}`" for name in FATAL_ERRORS)
    lines = [_INTRODUCTION.format(refusals="0 to 2", fatal=fatal).rstrip("\n")]
    for register in decoder_map(DecoderIdentity()).registers:
        for field in register.fields:
            high = field.low + field.width - 1
            bits = f"{high}:{field.low}" if field.width > 1 else f"{field.low}"
            reset = f"{field.reset:#x}"
            is_fixed = bool({register.name, field.name} & set(_FIXED))
            if field.access is Access.READ:
                reset = "-"
            elif register.name in ("model_hash", "memory_words") or (
                field.access is Access.CONSTANT and not is_fixed
            ):
                reset = "design"
            lines.append(
                f"| 0x{register.offset:03X} | {register.name} | {bits} | {field.name} | "
                f"{field.access.value} | {reset} | {field.meaning} |"
            )
    return "\n".join(lines) + "\n"
