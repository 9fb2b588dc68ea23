"""`sterna bench exploration`: does the frontier reach every design with one engine and one folding?

For each network of the zoo: an exploration as the command makes it, timed, then all designs of the
grid (`hand_designs`) evaluated in the same way, and how many of them no point of the frontier
reaches in every objective. Times are of the exploration alone, everything from the model's file on
included.
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
from .hand_designs import hand_designs, not_dominated
from .search import DEFAULT_OBJECTIVES, explore, job_of
from .streaming import StreamingSpace

__all__ = ["Reach", "as_markdown", "measure_reach"]


@dataclass(frozen=True)
class Reach:
    """What came out for one network."""

    model: str
    target: str
    points: int
    workers: int
    seconds: float
    frontier: int
    designs: int
    missed: tuple[str, ...]


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
        designs = hand_designs(space)
        missed = not_dominated(designs, found.frontier, DEFAULT_OBJECTIVES)
        sizes = (trials, workers, seconds, len(found.frontier), len(designs))
        rows.append(Reach(model, target, *sizes, tuple(map(str, missed))))
    return rows


def as_markdown(rows: Sequence[Reach]) -> str:
    """The rows as a table."""
    lines = [
        "| network | device | points | seconds | on the frontier | designs by hand | not reached |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        missed = ", ".join(row.missed) or "0"
        cells = (row.points, f"{row.seconds:.0f}", row.frontier, row.designs, missed)
        lines.append(f"| {row.model} | {row.target} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"
