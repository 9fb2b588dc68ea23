"""The page on the instruction set, `docs/instructions.md`, written from its table.

Opcodes, operands and slots come from `instruction`, so the page cannot disagree with the gateware;
the text around them tells how a program runs. A test demands that the page in the repository is
what this file writes.
"""

from __future__ import annotations

from .instruction import INSTRUCTION_WIDTH, INSTRUCTIONS, SLOTS, Fetch

__all__ = ["instruction_page"]

_INTRODUCTION = """# Instructions of the decoder

This page is written by `sterna_hw.decoder.instruction_page`; do not edit it by hand.

A program describes one pass: up to B consecutive tokens of one text, one in each lane, go through
all layers. The host asks for a run; the gateware makes passes of it: first the prompt, B tokens at
a time (the last pass may have fewer), then, token by token, what it drew itself. The same program
serves all passes. It is loaded with the design and can be replaced over AXI4-Lite while idle.

Two readers walk through the program. The *fetcher* runs ahead: for each instruction it asks memory
for the words that it will need, in order, as long as there is room to keep them. The *executor*
follows: it tells units what to do and goes to the next instruction when all of them are at rest;
the words wait for the unit that the instruction gives them to. Only in two places the fetcher waits
for the executor: EMBED needs the token, and ATTEND reads keys and values of this pass only after
memory has acknowledged the writes of KEY (older positions are read beforehand).

Instructions that work on lanes are done for each lane of the pass, lane 0 first. Lane l of a pass
that begins at position t holds position t + l.

## Errors

A pass stops with an error status, never silently, when an opcode is unknown, when the program runs
past its end, when a REPEAT has no times, points forward or is not the only one, when a transfer
would leave the memory that the host declared, or when nothing moves for longer than the watchdog
allows. The status holds the address of the instruction.

## Form

An instruction has {width} bits, {words} words of 32 bits in the program window, lowest first. Its
fields from bit 0 up: {slots}; the bits above are zero. Addresses and words count memory words: 16
bytes of each memory port. Blocks are those of the engine (T*G inputs, Q outputs).

As text an instruction is its name and its operands, `NAME operand=value ...`; operands left out are
0; `name:` in a line of its own names the next instruction, for REPEAT; `#` begins a comment.

## The program of a decoder

```
STREAM EMBED ROTATION
layer: CONSTANTS
       GAINS NORM MATMUL                  queries, values, keys
       VALUE KEY QUERY GAINS ATTEND
       MATMUL ADD                         output of attention
       GAINS NORM MATMUL GAINS GATE       gate and up
       MATMUL ADD                         down
       REPEAT layer
FINISH unless_result=1
GAINS FINAL_NORM HEAD
FINISH
```
"""

_FETCHES = {
    Fetch.NOTHING: "nothing",
    Fetch.STREAM: "`words` of the stream",
    Fetch.TOKEN_ROWS: "for each lane `words` at `address + token * words`",
    Fetch.POSITION_ROWS: "for each lane `words` at `address + position * words`",
    Fetch.CACHE: (
        "for each lane the records of its position and all before it, keys at "
        "`address + 2 * layer * region`, then values one `region` further"
    ),
}


def instruction_page() -> str:
    """The text of `docs/instructions.md`."""
    slots = ", ".join(f"`{name}` ({width})" for name, width in SLOTS.items())
    introduction = _INTRODUCTION.format(
        width=INSTRUCTION_WIDTH, words=INSTRUCTION_WIDTH // 32, slots=slots
    )
    lines = [introduction, "## Instructions"]
    for definition in INSTRUCTIONS.values():
        lines += ["", f"### {definition.opcode.name} ({int(definition.opcode)})", ""]
        lines += [definition.meaning, "", f"Fetches {_FETCHES[definition.fetch]}."]
        if definition.operands:
            lines += ["", "| operand | slot | meaning |", "|---|---|---|"]
            lines += [
                f"| {operand.name} | {operand.slot} | {operand.meaning} |"
                for operand in definition.operands
            ]
    return "\n".join(lines) + "\n"
