"""Which unit of a decoder works when: bars of a run's instructions, from a log or from an estimate.

A bar is an instruction in the row of the unit that carries it out, from the end of the one before
to its own end. A simulation's log (`sterna_sim.decoder.event_log`) also tells what memory was asked
for; the analytic model tells the same bars without a simulation. `sterna sim` leaves the last
token's bars in the folder, for `sterna report`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sterna.decoder.assembler import disassemble
from sterna.decoder.run_times import PassTimes
from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.decoder.instruction import Opcode
from sterna_sim.decoder.event_log import read_events

__all__ = [
    "SCHEDULE_FILE",
    "UNITS",
    "Bar",
    "Timeline",
    "estimated_timeline",
    "last_pass",
    "read_schedule",
    "read_timeline",
    "unit_of",
    "write_schedule",
]

SCHEDULE_FILE = "schedule.json"
UNITS = ("engine", "vector unit", "attention", "head")
_ENGINE = (Opcode.MATMUL,)
_ATTENTION = (Opcode.ATTEND,)
_HEAD = (Opcode.HEAD,)
_BEAT_BYTES = 16
_MOST_BURSTS = 500
"""Bursts kept in a file: enough for a line."""


@dataclass(frozen=True)
class Bar:
    """An instruction: its unit, its name, and its cycles from ``begin`` to ``end``."""

    unit: str
    name: str
    begin: int
    end: int


@dataclass(frozen=True)
class Timeline:
    """The bars of a run, and the cycles at which memory was asked for so many bytes in all."""

    bars: tuple[Bar, ...]
    asked: tuple[tuple[int, int], ...]
    bytes_per_cycle: float

    def busy(self, unit: str) -> int:
        """Cycles of a unit's bars."""
        return sum(bar.end - bar.begin for bar in self.bars if bar.unit == unit)


def unit_of(opcode: Opcode) -> str:
    """The unit that carries an instruction out."""
    for unit, opcodes in zip(("engine", "attention", "head"), (_ENGINE, _ATTENTION, _HEAD)):
        if opcode in opcodes:
            return unit
    return "vector unit"


def read_timeline(work: Path, core: DecoderCoreConfig) -> Timeline:
    """The only run in a folder's log."""
    program = disassemble(core.program)
    bars: list[Bar] = []
    asked: list[tuple[int, int]] = []
    before = total = 0
    for event in read_events(work):
        if event.kind == "done":
            opcode = program[event.first].opcode
            bars.append(Bar(unit_of(opcode), opcode.name, before, event.cycle))
            before = event.cycle
        elif event.kind == "burst":
            total += event.first * _BEAT_BYTES * core.ports
            asked.append((event.cycle, total))
    return Timeline(tuple(bars), tuple(asked), float(_BEAT_BYTES * core.ports))


def last_pass(timeline: Timeline) -> Timeline:
    """The bars of a run's last pass, a token's in a run that gives two or more, from cycle 0."""
    ends = [place for place, bar in enumerate(timeline.bars) if bar.name == Opcode.FINISH.name]
    first = ends[-2] + 1 if len(ends) > 1 else 0
    begin = timeline.bars[first].begin
    before = max((total for cycle, total in timeline.asked if cycle < begin), default=0)
    return Timeline(
        tuple(
            Bar(bar.unit, bar.name, bar.begin - begin, bar.end - begin)
            for bar in timeline.bars[first:]
        ),
        tuple((cycle - begin, total - before) for cycle, total in timeline.asked if cycle >= begin),
        timeline.bytes_per_cycle,
    )


def estimated_timeline(token: PassTimes, core: DecoderCoreConfig) -> Timeline:
    """The bars of a pass by the analytic model; what memory is asked for is not known of it."""
    bars, before = [], token.begin
    for step in token.instructions:
        begin, end = (round(cycle - token.begin) for cycle in (before, step.end))
        bars.append(Bar(unit_of(step.opcode), step.opcode.name, begin, end))
        before = step.end
    return Timeline(tuple(bars), (), float(_BEAT_BYTES * core.ports))


def write_schedule(folder: Path, timeline: Timeline, run: Mapping[str, Any]) -> None:
    """Leaves bars in a build folder; ``run`` tells of which run they are."""
    step = -(-len(timeline.asked) // _MOST_BURSTS) or 1
    record = {
        "schedule_version": 1,
        "run": dict(run),
        "bars": [[bar.unit, bar.name, bar.begin, bar.end] for bar in timeline.bars],
        "asked": [list(point) for point in timeline.asked[::step]],
        "bytes_per_cycle": timeline.bytes_per_cycle,
    }
    (folder / SCHEDULE_FILE).write_text(json.dumps(record) + "\n")


def read_schedule(folder: Path) -> tuple[Timeline, dict[str, Any]] | None:
    """What `write_schedule` left, None without it.

    Raises
    ------
    ValueError
        If the file cannot be read.
    """
    path = folder / SCHEDULE_FILE
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text())
        bars = tuple(Bar(*bar) for bar in record["bars"])
        asked = tuple((cycle, total) for cycle, total in record["asked"])
        return Timeline(bars, asked, record["bytes_per_cycle"]), record["run"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} must be a schedule as `sterna sim` leaves it: {error}") from None
