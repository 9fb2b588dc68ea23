"""`sterna bench exploration`: does the frontier reach every design with one engine and one folding?

For each network of the zoo: an exploration as the command makes it, timed, then all designs of a
grid (`hand_designs`) evaluated in the same way, and how many of them no point of the frontier
reaches in every objective. The search knows this grid and begins with those of its designs that its
estimates do not beat, so a second grid with sizes in between, which it does not know, says what it
finds by itself. Times are of the exploration alone, everything from the model's file on included.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sterna.building import prepare
from sterna_hw.base import find_device
from sterna_models import zoo

from ..models import load_model
from .alike import SIZES
from .hand_designs import hand_designs, shortfall
from .sampling import Point
from .search import DEFAULT_OBJECTIVES, explore, job_of
from .streaming import StreamingSpace

__all__ = ["BETWEEN", "Compared", "Reach", "as_markdown", "measure_reach"]

BETWEEN = (3, 6, 12, 24, 48)
"""Inputs, and outputs, of a layer at once in the grid that the search does not know."""


@dataclass(frozen=True)
class Compared:
    """A grid: its designs that fit, those that are not reached, and how much the frontier falls
    short of the worst of them, as a share (`shortfall`)."""

    designs: int
    missed: tuple[str, ...]
    worst: float

    @classmethod
    def of(cls, space: StreamingSpace, frontier: Sequence[Point], sizes: Sequence[int]) -> Compared:
        """Evaluates a grid."""
        designs = hand_designs(space, sizes)
        short = {str(item): shortfall(item, frontier, DEFAULT_OBJECTIVES) for item in designs}
        missed = tuple(name for name, share in short.items() if share > 0)
        return cls(len(designs), missed, max(short.values(), default=0.0))


@dataclass(frozen=True)
class Reach:
    """What came out for one network."""

    model: str
    target: str
    points: int
    workers: int
    seconds: float
    frontier: int
    known: Compared
    between: Compared


def measure_reach(
    out: Path,
    target: str,
    models: Sequence[str] | None = None,
    trials: int = 200,
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> list[Reach]:
    """A row for each network, with a fresh exploration in a folder of its own below ``out``.

    Raises
    ------
    ValueError
        If there is an exploration in one of the folders, since its time would not be measured.
    """
    say = progress or (lambda text: None)
    rows = []
    for model in models or zoo.names():
        folder = out / target / model
        if folder.exists():
            raise ValueError(f"Folder {folder} must not exist, so that the whole time is measured")
        say(f"{model}: exploring")
        begin = time.perf_counter()
        found = explore(model, target, folder, trials=trials, workers=workers)
        seconds = time.perf_counter() - begin
        say(f"{model}: designs with one folding")
        clock = find_device(target).clock_mhz
        space = job_of(prepare(load_model(model)), target, clock, DEFAULT_OBJECTIVES).space()
        assert isinstance(space, StreamingSpace)
        grids = (Compared.of(space, found.frontier, sizes) for sizes in (SIZES, BETWEEN))
        count = len(found.frontier)
        rows.append(Reach(model, target, trials, workers, seconds, count, *grids))
    return rows


def as_markdown(rows: Sequence[Reach]) -> str:
    """The rows as a table."""
    lines = [
        "| network | device | points | seconds | on the frontier | designs by hand | not reached"
        " | sizes in between | not reached | by at most |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        missed = ", ".join(row.known.missed) or "0"
        between = row.between
        cells = (
            *(row.model, row.target, row.points, f"{row.seconds:.0f}", row.frontier),
            *(row.known.designs, missed, between.designs, len(between.missed)),
            f"{between.worst:.1%}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"
