"""Simulated against estimated times of a decoder, instruction by instruction.

An estimate that is wrong in total is wrong somewhere: the log of a simulation (`event_log`) says
when each instruction ended, and so does the estimate, in the same order. What counts of an
instruction is by how much it moved the difference, so one wrong instruction is one line.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sterna.decoder.estimate import RunTimes

from .event_log import read_events

__all__ = ["TimeDifference", "time_differences"]


class TimeDifference(NamedTuple):
    """An instruction: pass, layer, name, and its end in simulation and by estimate; ``step`` is by
    how much it changed their difference (positive: estimated too long)."""

    number: int
    layer: int
    name: str
    simulated: int
    estimated: float
    step: float


def time_differences(work: Path, estimated: RunTimes) -> list[TimeDifference]:
    """All instructions of the only run of a simulation, which left its log in a folder.

    Raises
    ------
    ValueError
        If simulation and estimate did not do equally many instructions.
    """
    ends = [event.cycle for event in read_events(work) if event.kind == "done"]
    told = [(number, step) for number, done in enumerate(estimated.passes)
            for step in done.instructions]  # fmt: skip
    if len(ends) != len(told):
        raise ValueError(f"Instructions must be {len(ends)} as in simulation, not {len(told)}")
    found: list[TimeDifference] = []
    before = 0.0
    for end, (number, step) in zip(ends, told):
        # An instruction's last cycle, and the first one behind it.
        difference = step.end - 1 - end
        name = step.opcode.name
        found.append(
            TimeDifference(number, step.layer, name, end, step.end - 1, difference - before)
        )
        before = difference
    return found
