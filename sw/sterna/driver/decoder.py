"""The driver of a decoder: memory image, runs, tokens and best logits, recovery.

All methods are steps for `run` or `run_awaiting`. A run takes a prompt in and makes tokens by
itself, greedily; a host that draws tokens asks for one at a time, and gives its choice as the next
run's prompt at the `position` where the last one ended. The cache keeps what was before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .bus import Allocate, DriverError, Steps
from .image_file import check_file, write_file
from .registers import Registers

__all__ = ["DecoderDriver", "DecoderRun"]

EVENTS = ("done", "error", "token")
WORD_BYTES = 16
PATIENCE = 100_000
"""Reads of the status until a recovery must be over; it waits for memory to come to rest."""

OnToken = Callable[[int], None]


@dataclass
class DecoderRun:
    """What a run gave.

    ``tokens`` in their order; the ``best`` logits of the last result as (token, integer logit),
    best first, and the ``scale`` that makes them real; names of ``errors``, whether the run
    ``failed``, and the ``place`` (instruction, layer) of it; the ``position`` of the next token,
    and the ``counters`` of the run.
    """

    tokens: list[int] = field(default_factory=list)
    best: list[tuple[int, int]] = field(default_factory=list)
    scale: float = 0.0
    errors: list[str] = field(default_factory=list)
    failed: bool = False
    place: dict[str, int] = field(default_factory=dict)
    position: int = 0
    counters: dict[str, int] = field(default_factory=dict)


class DecoderDriver:
    """Parameters
    ----------
    record : mapping
        The design's ``driver.json``.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.registers = Registers(record["registers"])

    def identify(self) -> Steps[None]:
        """That the design of the record answers; raises `DriverError` otherwise."""
        yield from self.registers.check_identity()

    def load_image(self, folder: str | Path) -> Steps[list[int]]:
        """Puts the memory image of a build folder into memory, once; gives the ports' addresses. A
        design with its memory on the chip has its image already.

        Raises
        ------
        DriverError
            If a file is missing or not as it was built: nothing is written then.
        """
        memory = self.record["memory"]
        if memory["kind"] == "on-chip":
            return []
        paths = [Path(folder) / wanted["name"] for wanted in memory["files"]]
        for path, wanted in zip(paths, memory["files"]):
            check_file(path, wanted)
        bases = []
        for port, path in enumerate(paths):
            base = yield Allocate(port, memory["bytes"])
            bases.append(base)
            yield from write_file(path, base)
        yield from self.place_memory(bases)
        return bases

    def place_memory(self, bases: Sequence[int]) -> Steps[None]:
        """Tells the design where the regions of its ports are, image and zeros behind it."""
        registers = self.registers
        for port, base in enumerate(bases):
            yield from registers.write(f"base{port}_low", base)
            yield from registers.write(f"base{port}_high", base >> 32)
        yield from registers.write("memory_words", self.record["memory"]["bytes"] // WORD_BYTES)

    def load_program(self, instructions: Sequence[int]) -> Steps[None]:
        """Another program: 128 bits for each instruction."""
        yield from self.registers.write("program_index", 0)
        for instruction in instructions:
            for part in range(4):
                yield from self.registers.write("program_word", instruction >> 32 * part)

    def run(
        self,
        prompt: Sequence[int],
        count: int,
        position: int = 0,
        stop: int | None = None,
        on_token: OnToken | None = None,
    ) -> Steps[DecoderRun]:
        """One run to its end: `prepare`, then `finish`."""
        yield from self.prepare(prompt, count, position, stop)
        return (yield from self.finish(on_token))

    def prepare(
        self, prompt: Sequence[int], count: int, position: int = 0, stop: int | None = None
    ) -> Steps[None]:
        """What a run shall do: take in the tokens of ``prompt`` from ``position`` on, and make
        ``count`` more, or fewer if ``stop`` is among them.

        Raises
        ------
        DriverError
            If a run is under way, or one has failed and was not recovered.
        """
        registers = self.registers
        status = yield from registers.fields("status")
        if not status["idle"]:
            raise DriverError(
                "Decoder must be idle for a run; after one that failed, recover"
                if status["failed"]
                else "Decoder must be idle for a run, not at work on another"
            )
        yield from registers.write("prompt_index", 0)
        for token in prompt:
            yield from registers.write("prompt_token", token)
        yield from registers.write("start_position", position)
        yield from registers.write("prompt_count", len(prompt))
        yield from registers.write("generate_count", count)
        enabled = stop is not None
        yield from registers.set("stop", token=stop if enabled else 0, enable=enabled)
        yield from registers.enable_interrupts(*EVENTS)
        yield from registers.set("control", clear_counters=1)

    def finish(self, on_token: OnToken | None = None) -> Steps[DecoderRun]:
        """Starts the run that was prepared and sees it through; ``on_token`` is told each token as
        it comes. Errors are read, cleared, and told in the result.

        Raises
        ------
        DriverError
            If the bus lost patience with the interrupt.
        """
        registers, result = self.registers, DecoderRun()
        yield from registers.set("control", start=1)
        while True:
            if not (yield from registers.wait_interrupt(*EVENTS)):
                raise DriverError("Decoder must give an interrupt in time, and gave none")
            yield from registers.enable_interrupts(*EVENTS)
            yield from self._take_tokens(result.tokens, on_token)
            status = yield from registers.fields("status")
            if status["idle"] or status["failed"]:
                break
        # A token may have come between the last look and the end.
        yield from self._take_tokens(result.tokens, on_token)
        result.best = yield from self.read_best()
        result.scale = yield from self._read_scale()
        result.failed = bool(status["failed"])
        result.place = yield from registers.fields("place")
        result.position = yield from registers.read("position")
        for name in self.record["counters"]:
            result.counters[name] = yield from registers.read(name)
        result.errors = yield from registers.read_errors()
        yield from registers.clear_errors()
        return result

    def _take_tokens(self, tokens: list[int], on_token: OnToken | None) -> Steps[None]:
        count = yield from self.registers.read("produced")
        for index in range(len(tokens), count):
            yield from self.registers.write("output_index", index)
            tokens.append((yield from self.registers.read("output_token")))
            if on_token is not None:
                on_token(tokens[-1])

    def read_best(self) -> Steps[list[tuple[int, int]]]:
        """The best logits of the latest result: (token, integer logit), best first."""
        best = []
        for index in range(self.record["best_count"]):
            yield from self.registers.write("best_index", index)
            logit = yield from self.registers.read("best_logit")
            token = yield from self.registers.read("best_token")
            best.append((token, logit - (logit >> 31 << 32)))
        return best

    def _read_scale(self) -> Steps[float]:
        fields = yield from self.registers.fields("logit_scale")
        width = self.registers.table["logit_scale"]["fields"]["exponent"]["width"]
        exponent = fields["exponent"] - (fields["exponent"] >> width - 1 << width)
        return fields["mantissa"] * 2.0**exponent * self.record["head_constant"]

    def recover(self) -> Steps[None]:
        """After a run that failed, or to stop one: makes the design fit for the next.

        Raises
        ------
        DriverError
            If memory does not come to rest: reset the design and its memory interface.
        """
        yield from self.registers.set("control", recover=1)
        for _ in range(PATIENCE):
            status = yield from self.registers.fields("status")
            if status["idle"] and not status["recovering"]:
                return
        raise DriverError("Decoder must come to rest in a recovery, and memory does not answer")

    def read_errors(self) -> Steps[list[str]]:
        """Names of the errors since they were cleared."""
        return (yield from self.registers.read_errors())

    def clear_errors(self) -> Steps[None]:
        """Forgets the errors."""
        yield from self.registers.clear_errors()
