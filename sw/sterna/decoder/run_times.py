"""What an estimate tells of a run: when its passes and their instructions began and ended.

Times are cycles from the first one in which the run control is at work; they may be fractions where
memory's pace is one. `estimate` makes them, reports and tables read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sterna_hw.decoder.instruction import Opcode

__all__ = ["InstructionTimes", "PassTimes", "RunTimes"]


class InstructionTimes(NamedTuple):
    """One instruction: of which layer (those behind the loop count as one more), when the executor
    took it and when it was through with it, and the memory words that it used."""

    opcode: Opcode
    layer: int
    begin: float
    end: float
    words: int


@dataclass(frozen=True)
class PassTimes:
    """One pass: when it was begun (at the end of the one before) and ended, its position and lanes,
    and its instructions."""

    position: int
    lanes: int
    begin: float
    end: float
    instructions: tuple[InstructionTimes, ...]

    @property
    def cycles(self) -> float:
        return self.end - self.begin

    @property
    def words(self) -> int:
        """Memory words that its instructions used."""
        return sum(instruction.words for instruction in self.instructions)

    @property
    def by_opcode(self) -> dict[str, float]:
        """Cycles in each kind of instruction; what is missing is waiting for the pass."""
        cycles: dict[str, float] = {}
        for instruction in self.instructions:
            name = instruction.opcode.name
            cycles[name] = cycles.get(name, 0.0) + instruction.end - instruction.begin
        return cycles


@dataclass(frozen=True)
class RunTimes:
    """A run: its passes, when each token was drawn, the memory words that all took (the image's
    header included), and the cycles until the run control rests."""

    passes: tuple[PassTimes, ...]
    tokens: tuple[float, ...]
    words: int
    cycles: float

    @property
    def latency(self) -> float:
        """Cycles of a run that takes in the prompt and gives one token."""
        return self.cycles - (self.tokens[-1] - self.tokens[0] if self.tokens else 0.0)

    @property
    def interval(self) -> float | None:
        """Mean cycles from one token to the next; None if there are fewer than two."""
        if len(self.tokens) < 2:
            return None
        return (self.tokens[-1] - self.tokens[0]) / (len(self.tokens) - 1)
