"""The files that the SystemVerilog sources and sinks of the benches play and write.

A run of number N has a folder ``runN``; each port has files of its name in it: ``NAME.row`` (one
character per clock cycle, 1 = may move), ``NAME.beats`` (payloads of a source), ``NAME.expect``
(how many beats a sink is to get, and whether more may follow), ``NAME.control`` (values of a plain
input); and, written by the simulation, ``NAME.taken`` (cycles in which a source's beats were
taken), ``NAME.given`` (cycle and payload of each beat of a sink or a watched stream) and
``NAME.faults``. A row is at most 65,536 cycles long; after its end it starts again. The modules
themselves are beside this file, in ``verilog/``; both benches put them into their tops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

__all__ = [
    "LINGER_CYCLES",
    "bench_modules",
    "read_faults",
    "read_given",
    "read_taken",
    "write_control",
    "write_sink",
    "write_source",
]

LINGER_CYCLES = 12
"""How long a run goes on after the last expected beat, to see that no other follows."""

ROW_LIMIT = 1 << 16


def bench_modules() -> dict[str, str]:
    """The SystemVerilog modules of the benches: file name to text."""
    folder = Path(__file__).parent / "verilog"
    return {path.name: path.read_text() for path in sorted(folder.glob("bench_*.sv"))}


def write_source(
    folder: Path, name: str, beats: Sequence[int], row: Iterator[bool], cycles: int
) -> None:
    """What a source plays: its beats, and its stall row for ``cycles`` cycles."""
    (folder / f"{name}.beats").write_text("".join(f"{beat:x}\n" for beat in beats))
    _write_row(folder / f"{name}.row", row, cycles)


def write_sink(
    folder: Path, name: str, expected: int, row: Iterator[bool], cycles: int, endless: bool = False
) -> None:
    """What a sink plays: how many beats it waits for, and its stall row."""
    (folder / f"{name}.expect").write_text(f"{expected} {int(endless)}\n")
    _write_row(folder / f"{name}.row", row, cycles)


def write_control(folder: Path, name: str, values: Sequence[int]) -> None:
    """What a plain input is set to, cycle by cycle; the last value stays."""
    (folder / f"{name}.control").write_text("".join(f"{value:x}\n" for value in values))


def read_taken(folder: Path, name: str) -> list[int]:
    """The cycles in which a source's beats were taken."""
    return [int(line) for line in (folder / f"{name}.taken").read_text().split()]


def read_given(folder: Path, name: str) -> list[tuple[int, int]]:
    """Cycle and payload of every beat that a sink took or that passed a watched stream."""
    lines = (folder / f"{name}.given").read_text().splitlines()
    return [(int(cycle), int(payload, 16)) for cycle, payload in map(str.split, lines)]


def read_faults(folder: Path, name: str) -> list[str]:
    """The stream rules that a port broke, in words."""
    return (folder / f"{name}.faults").read_text().splitlines()


def _write_row(path: Path, row: Iterator[bool], cycles: int) -> None:
    moves = islice(row, min(cycles + 2 * LINGER_CYCLES, ROW_LIMIT))
    path.write_bytes(bytes(49 if move else 48 for move in moves))
