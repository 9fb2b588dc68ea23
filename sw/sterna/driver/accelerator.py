"""The driver of a streaming accelerator: frames in, results out, errors, counters, reload.

All methods are steps for `run` or `run_awaiting`. Frames overlap: `infer` sends the next ones
before it takes a result, as many as the caller allows. On a board with a simple DMA that is one;
what is sent meanwhile waits in the accelerator, so nothing is ever stuck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .bus import Allocate, DriverError, Receive, Send, Steps, Write32
from .edges import Edge
from .image_file import check_file, write_file
from .registers import Registers

__all__ = ["AcceleratorDriver"]

PATIENCE = 1000
"""Reads of the status until loading must be over, or weights be there: it is within few cycles."""


class AcceleratorDriver:
    """Parameters
    ----------
    record : mapping
        The design's ``driver.json``; for registers alone, its ``registers`` suffice.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.registers = Registers(record["registers"])

    @cached_property
    def input(self) -> Edge:
        """What a sample must be."""
        return Edge.of(self.record["input"])

    @cached_property
    def output(self) -> Edge:
        """What a result is."""
        return Edge.of(self.record["output"])

    def identify(self) -> Steps[None]:
        """That the design of the record answers; raises `DriverError` otherwise."""
        yield from self.registers.check_identity()

    def load_weights(self, folder: str | Path) -> Steps[int]:
        """Puts the image of the weights of a build folder into memory and begins to read it, once
        after each reset, before the first frame; gives its address. Nothing is done for a design
        that has its weights on the chip.

        Raises
        ------
        DriverError
            If the file is missing or not as it was built, or as `read_weights` does.
        """
        memory = self.record.get("memory")
        if memory is None:
            return 0
        (wanted,) = memory["files"]
        path = Path(folder) / wanted["name"]
        check_file(path, wanted)
        base = yield Allocate(0, wanted["bytes"])
        yield from write_file(path, base)
        yield from self.read_weights(base)
        return base

    def read_weights(self, base: int) -> Steps[None]:
        """Begins to read the weights whose image lies at an address, a multiple of 4096.

        Raises
        ------
        DriverError
            If another image is there, or memory does not answer.
        """
        registers = self.registers
        yield from registers.write("image_base_low", base)
        yield from registers.write("image_base_high", base >> 32)
        yield from registers.set("error", image_header=1)
        yield from registers.set("control", read_weights=1)
        for _ in range(PATIENCE):
            if (yield from registers.fields("status"))["reading_weights"]:
                return
            if "image_header" in (yield from self.read_errors()):
                raise DriverError(
                    f"Memory at {base:#x} must hold the image of this design's weights: "
                    "image_header"
                )
        raise DriverError(f"Memory at {base:#x} must answer, but no header comes")

    def infer(self, codes: np.ndarray, ahead: int = 1) -> Steps[np.ndarray]:
        """int64 ``(samples, output elements)`` for integer codes, one sample on each place of
        axis 0; ``ahead`` frames are sent before the result of an earlier one is taken.

        Raises
        ------
        ValueError
            If codes do not fit the input.
        DriverError
            If the error register has a bit set afterwards; the message names all.
        """
        waiting, results = 0, []
        for frame in self.input.frames(codes):
            yield Send(frame)
            waiting += 1
            if waiting > ahead:
                results.append((yield Receive(self.output.frame_bytes)))
                waiting -= 1
        for _ in range(waiting):
            results.append((yield Receive(self.output.frame_bytes)))
        errors = yield from self.read_errors()
        if errors:
            raise DriverError(
                f"Accelerator must report no error, not {', '.join(errors)}: clear_errors, and see "
                "that frames have the right length and codes their range"
            )
        return np.array([self.output.elements_of(result) for result in results])

    def classify(self, samples: np.ndarray, ahead: int = 1) -> Steps[np.ndarray]:
        """The best class of each real sample, int64 ``(samples,)``: the first of the largest
        outputs, or what the label stage of the design says."""
        results = yield from self.infer(self.input.codes(samples), ahead)
        if self.record.get("top_k"):
            return results[:, 0]
        return results.argmax(axis=1)

    def read_errors(self) -> Steps[list[str]]:
        """Names of the errors since they were cleared."""
        return (yield from self.registers.read_errors())

    def clear_errors(self) -> Steps[None]:
        """Forgets the errors."""
        yield from self.registers.clear_errors()

    def read_counters(self) -> Steps[dict[str, int]]:
        """Counters by name, each 32 bits that wrap."""
        counters = {}
        for name in self.record["counters"]:
            counters[name] = yield from self.registers.read(name)
        return counters

    def clear_counters(self) -> Steps[None]:
        """Sets all counters to zero."""
        yield from self.registers.set("control", clear_counters=1)

    def reload(self, memories: Mapping[int, Sequence[int]]) -> Steps[None]:
        """Other weights and thresholds: rows of each memory, by its number, as
        `sterna.reload.reload_rows` makes them. Frames inside run to their end first; all memories
        change together. Every frame that was sent must have been received, or have room to leave.

        Raises
        ------
        DriverError
            If the design does not stop, or refuses a row.
        """
        registers = self.registers
        yield from registers.enable_interrupts("loading")
        yield from registers.set("control", reload=1)
        while not (yield from registers.fields("status"))["loading"]:
            if not (yield from registers.wait_interrupt("loading")):
                yield from registers.set("control", reload=0)
                raise DriverError("Accelerator must drain for a reload, but frames stay inside")
        window = registers.offset("reload_window")
        for number, rows in memories.items():
            yield from registers.set("reload_select", memory=number)
            yield from registers.set("reload_row", row=0)
            words = -(-(yield from registers.read("memory_row_width")) // 32)
            for row in rows:
                yield from _write_row(window, row, words)
        yield from registers.set("control", reload=0)
        for _ in range(PATIENCE):
            if not (yield from registers.fields("status"))["loading"]:
                break
        else:
            raise DriverError("Accelerator must leave the reload, but stays in it")
        yield from registers.enable_interrupts()
        if "reload_refused" in (yield from self.read_errors()):
            raise DriverError("Rows of a reload must fit the memories, and one was refused")


def _write_row(window: int, row: int, words: int) -> Steps[None]:
    for word in range(words):
        yield Write32(window + 4 * word, row >> 32 * word & 0xFFFFFFFF)
