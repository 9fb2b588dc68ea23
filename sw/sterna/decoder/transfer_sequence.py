"""What the fetcher asks for and when: an estimate's walk of the program ahead of the executor.

Passes are given by the run control (`RunSchedule`), instructions by a program reader
(`ReaderClock`), both at their own times, which fetcher and executor meet when they come to them.
`transfers` is the fetcher: a generator that gives one transfer after the other and is sent the
time at which memory took it. It is asked only when somebody wants the words, so whatever it waits
for (tokens, a layer's cache writes) has happened by then, and its time is known.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.decoder.fetcher import (
    CACHE_CYCLES,
    LANE_CYCLES,
    RESUME_CYCLES,
    ROW_CYCLES,
    TRANSFER_CYCLES,
)
from sterna_hw.decoder.instruction import INSTRUCTIONS, Fetch, Instruction, Opcode
from sterna_hw.decoder.program_reader import INSTRUCTION_CYCLES
from sterna_hw.decoder.run_control import (
    DRAWN_CYCLES,
    FIRST_PASS_CYCLES,
    NEXT_PASS_CYCLES,
    TOKEN_CYCLES,
)

from .memory_stream import Transfer

__all__ = ["Pass", "ReaderClock", "RunSchedule", "Work", "transfers", "walk_program"]


class Pass(NamedTuple):
    """Position of the first token, tokens, and whether the best logits are wanted."""

    position: int
    lanes: int
    result: bool


class Work(NamedTuple):
    """An instruction to be done: its layer, and how many words of the program the reader has looked
    at since the one before (REPEAT and an open FINISH are the reader's own)."""

    instruction: Instruction
    layer: int
    looked: int


def walk_program(program: Sequence[Instruction], result: bool) -> Iterator[Work]:
    """The instructions of a pass; FINISH is the last."""
    place = layer = looked = 0
    while True:
        instruction = program[place]
        place, looked = place + 1, looked + 1
        if instruction.opcode is Opcode.REPEAT:
            layer += 1
            if layer < instruction["times"]:
                place = instruction["target"]
            continue
        is_end = instruction.opcode is Opcode.FINISH
        if is_end and instruction["unless_result"] and result:
            continue
        yield Work(instruction, layer, looked)
        looked = 0
        if is_end:
            return


class ReaderClock:
    """When a program reader offers its instructions; ``start`` is the cycle of its start.

    Two instructions wait in its queue.
    """

    def __init__(self, start: float) -> None:
        self._entered = start
        self._left = [start, start]

    def offer(self, looked: int) -> float:
        """When the next instruction is offered."""
        room = self._left[-2] + 1
        self._entered = max(self._entered + INSTRUCTION_CYCLES * looked, room)
        return self._entered + 1

    def leave(self, time: float) -> None:
        """The instruction is taken out of the queue."""
        self._left = [self._left[-1], time]


@dataclass
class RunSchedule:
    """When the run control gives passes and tokens, as far as the run has come.

    ``fetched`` and ``finished`` are the ends of passes in the fetcher and in the executor,
    ``tokens`` the times at which the fetcher took tokens, ``results`` those of the last of the best
    logits, ``releases`` those of the executor's releases. Which tokens it is about makes a
    difference for the borders of bursts only; ``rows`` has them as far as they are known.
    """

    lanes: int
    passes: list[Pass]
    prompt: int
    rows: Sequence[int] = ()

    def __post_init__(self) -> None:
        self.fetched: list[float] = []
        self.finished: list[float] = []
        self.tokens: list[float] = []
        self.results: list[float] = []
        self.releases: list[float] = []
        self._given: list[float] = []
        self._tokens_given: list[float] = []

    def given(self, number: int) -> float:
        """When a pass enters the queues in front of fetcher and executor."""
        while len(self._given) <= number:
            following = len(self._given)
            if not following:
                time = float(self.prompt + FIRST_PASS_CYCLES)
            elif self.passes[following - 1].result:
                drawn = sum(done.result for done in self.passes[:following]) - 1
                time = self.results[drawn] + DRAWN_CYCLES
            else:
                time = self._last_token(following - 1) + NEXT_PASS_CYCLES
                if following > 1:
                    before = following - 2
                    time = max(time, self.fetched[before] + 1, self.finished[before] + 1)
            self._given.append(time)
        return self._given[number]

    def begin(self, number: int, ends: Sequence[float]) -> float:
        """When fetcher or executor, which ended earlier passes at ``ends``, sees a pass."""
        time = self.given(number) + 1
        return max(time, ends[number - 1] + 1) if number else time

    def token(self, number: int) -> float:
        """When the fetcher may take a token, all of them counted."""
        while len(self._tokens_given) <= number:
            done, owner = 0, 0
            while done + self.passes[owner].lanes <= len(self._tokens_given):
                done += self.passes[owner].lanes
                owner += 1
            before = self.given(owner)
            if len(self._tokens_given) > done:
                before = self._tokens_given[-1]
            time = before + TOKEN_CYCLES
            if (waits := len(self._tokens_given) - self.lanes - 1) >= 0:
                time = max(time, self.tokens[waits] + 1)
            self._tokens_given.append(time)
        return self._tokens_given[number] + 1

    def _last_token(self, number: int) -> float:
        return self.token(sum(done.lanes for done in self.passes[: number + 1]) - 1) - 1


def transfers(
    core: DecoderCoreConfig, program: Sequence[Instruction], run: RunSchedule
) -> Generator[Transfer, float, None]:
    """All transfers of a run."""
    free, number, pointer = 0.0, 0, 0
    while True:
        current, begin = run.passes[number], run.begin(number, run.fetched)
        reader = ReaderClock(begin)
        time = max(free, begin)
        if number == 0:
            accepted = yield Transfer(0, 1, time + TRANSFER_CYCLES)
            time = accepted + RESUME_CYCLES
        for instruction, layer, looked in walk_program(program, current.result):
            taken = max(time, reader.offer(looked))
            left, time = taken, taken + 1
            match INSTRUCTIONS[instruction.opcode].fetch:
                case Fetch.NOTHING:
                    if instruction.opcode is Opcode.STREAM:
                        pointer = instruction["address"]
                case Fetch.STREAM:
                    words = instruction["words"]
                    accepted = yield Transfer(pointer, words, taken + TRANSFER_CYCLES)
                    pointer, time = pointer + words, accepted + RESUME_CYCLES
                case Fetch.TOKEN_ROWS | Fetch.POSITION_ROWS:
                    left = yield from _rows(instruction, current, run, time)
                    time = left + 1
                case Fetch.CACHE:
                    begin = taken + CACHE_CYCLES
                    left = yield from _cache(core.ports, instruction, current, layer, run, begin)
                    time = left + 1
            reader.leave(left)
        run.fetched.append(time - 1)
        free, number = time, number + 1


def _rows(
    instruction: Instruction, current: Pass, run: RunSchedule, time: float
) -> Generator[Transfer, float, float]:
    """A row for each lane; returns when the instruction leaves the reader's queue."""
    left = time
    for lane in range(current.lanes):
        row = current.position + lane
        if instruction.opcode is Opcode.EMBED:
            time = max(time, run.token(len(run.tokens)))
            row = run.rows[len(run.tokens)] if len(run.tokens) < len(run.rows) else row
            run.tokens.append(time)
        address = instruction["address"] + row * instruction["words"]
        accepted = yield Transfer(address, instruction["words"], time + ROW_CYCLES)
        left = accepted + RESUME_CYCLES
        time = left + 1
    return left


def _cache(
    ports: int, instruction: Instruction, current: Pass, layer: int, run: RunSchedule, time: float
) -> Generator[Transfer, float, float]:
    """Keys and values of a layer for each lane; returns as `_rows`."""
    record, region = instruction["record"], instruction["region"]
    keys = instruction["address"] + 2 * layer * region
    left = time
    for lane in range(current.lanes):
        slot = (current.position + lane) // ports
        words = (slot + 1) * record
        time += LANE_CYCLES
        if lane:
            accepted = yield Transfer(keys, words, time + TRANSFER_CYCLES)
            time = accepted + RESUME_CYCLES
        else:
            if slot:
                accepted = yield Transfer(keys, slot * record, time + TRANSFER_CYCLES)
                time = accepted + RESUME_CYCLES
            else:
                time += 1
            time = max(time, run.releases[-1] + 1)
            accepted = yield Transfer(keys + slot * record, record, time + TRANSFER_CYCLES)
            time = accepted + RESUME_CYCLES
        accepted = yield Transfer(keys + region, words, time + TRANSFER_CYCLES)
        left = accepted + RESUME_CYCLES
        time = left + 1
    return left
