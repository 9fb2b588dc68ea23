"""What a page reads of an exploration: ``exploration.json`` in its folder, version 1.

    {"exploration_version": 1, "model": ..., "target": ..., "clock_mhz": ...,
     "objectives": [name, ...],
     "points": [{"number": n, "parameters": {...}, "figures": {name: value} or null,
                 "feasible": true, "problem": ""}, ...],
     "frontier": [n, ...],
     "measured": {"n": {name: value, "words": ..., "mismatches": ..., "source": ...,
                        "folder": ...}},
     "failed": {"n": what went wrong}}

``figures`` are estimates; ``measured`` holds what was built, synthesised and simulated. Other keys
may be there. Only this file is read, never the exploration's own storage.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["EXPLORATION_FILE", "ExplorationRecord", "ExploredPoint", "read_exploration"]

EXPLORATION_FILE = "exploration.json"
_VERSION = 1


@dataclass(frozen=True)
class ExploredPoint:
    """A point that has figures: estimates by name, and measured figures if it was built."""

    number: int
    parameters: Mapping[str, Any]
    estimated: Mapping[str, Any]
    measured: Mapping[str, Any] | None
    is_feasible: bool
    on_frontier: bool


@dataclass(frozen=True)
class ExplorationRecord:
    """An exploration; ``refused`` counts the points that are no design, ``failed`` says by number
    why points were not built that were to be."""

    model: str
    target: str
    clock_mhz: float | None
    objectives: tuple[str, ...]
    points: tuple[ExploredPoint, ...]
    refused: int
    failed: Mapping[str, str]

    @property
    def frontier(self) -> list[ExploredPoint]:
        return [point for point in self.points if point.on_frontier]

    def measured_value(self, point: ExploredPoint, name: str) -> float | None:
        """A measured figure of a point; throughput follows from the measured interval."""
        measured = point.measured or {}
        if name == "throughput" and measured.get("interval") and self.clock_mhz:
            return self.clock_mhz * 1e6 / measured["interval"]
        return measured.get(name)


def read_exploration(directory: Path) -> ExplorationRecord:
    """The exploration of a folder.

    Raises
    ------
    ValueError
        If the file cannot be read, or is of another version.
    """
    path = directory / EXPLORATION_FILE
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} must be readable JSON: {error}") from None
    found = record.get("exploration_version") if isinstance(record, dict) else None
    if found != _VERSION:
        raise ValueError(f"Version of {path} must be {_VERSION}, not {found!r}; explore anew")
    try:
        return _from_record(record)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} must be an exploration's record, which lacks {error}") from None


def _from_record(record: Mapping[str, Any]) -> ExplorationRecord:
    frontier, measured = set(record["frontier"]), record["measured"]
    points = tuple(
        ExploredPoint(
            number=point["number"],
            parameters=dict(point["parameters"]),
            estimated=dict(point["figures"]),
            measured=measured.get(str(point["number"])),
            is_feasible=bool(point["feasible"]),
            on_frontier=point["number"] in frontier,
        )
        for point in record["points"]
        if point["figures"] is not None
    )
    return ExplorationRecord(
        model=record["model"],
        target=record["target"],
        clock_mhz=record.get("clock_mhz"),
        objectives=tuple(record["objectives"]),
        points=points,
        refused=len(record["points"]) - len(points),
        failed=dict(record.get("failed", {})),
    )
