"""What an exploration found, typed, and as rows for tables, files and pandas.

found = sterna_flows.explore("digits_ternary_mlp", "xck26", "build/explored", trials=100)
frame = pandas.DataFrame(found.rows())
frame[frame.on_frontier].sort_values("lut")
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .figures import OBJECTIVES, Measured
from .sampling import Point

__all__ = ["EXPLORATION_FILE", "EXPLORATION_VERSION", "Exploration", "non_dominated"]

EXPLORATION_FILE = "exploration.json"
EXPLORATION_VERSION = 1


@dataclass(frozen=True)
class Exploration:
    """What an exploration found.

    Parameters
    ----------
    model, target : :class:`str`
        Names of the network and the device.
    clock_mhz : :class:`float`
        Clock of throughputs.
    objectives : tuple of :class:`str`
        What the frontier is about.
    points : tuple of :class:`Point`
        All evaluated points by number.
    frontier : tuple of :class:`Point`
        Those that fit and that none dominates, by the estimates, sorted by the first objective.
    measured : mapping of number to :class:`Measured`
        Points of the frontier that were built, synthesised and simulated.
    failed : mapping of number to :class:`str`
        Points that were to be built too, and what went wrong.
    folder : :class:`~pathlib.Path`
        Where all of it lies.
    """

    model: str
    target: str
    clock_mhz: float
    objectives: tuple[str, ...]
    points: tuple[Point, ...]
    frontier: tuple[Point, ...]
    folder: Path
    measured: Mapping[int, Measured] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)

    @property
    def measured_frontier(self) -> tuple[int, ...]:
        """Numbers of the measured points that no other measured one dominates, by their measured
        figures; by the proxy in energy, which nothing measures."""
        numbers = [point.number for point in self.frontier if point.number in self.measured]
        values = [self.measured_values(number) for number in numbers]
        kept = non_dominated(values, self.objectives)
        return tuple(number for number, keeps in zip(numbers, kept) if keeps)

    def measured_values(self, number: int) -> tuple[float, ...]:
        """The objectives of a measured point."""
        figures = self.points[number].outcome.figures
        assert figures is not None
        measured = self.measured[number]
        values = []
        for name in self.objectives:
            value = getattr(measured, name, None)
            if name == "throughput" and measured.interval:
                value = self.clock_mhz * 1e6 / measured.interval
            values.append(float(getattr(figures, name) if value is None else value))
        return tuple(values)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each point, all with the same columns: number, whether it fits and is on the
        frontier, estimated figures, ``measured_...`` where it was built, and its parameters."""
        on_frontier = {point.number for point in self.frontier}
        return [self._row(point, point.number in on_frontier) for point in self.points]

    def _row(self, point: Point, on_frontier: bool) -> dict[str, Any]:
        figures, measured = point.outcome.figures, self.measured.get(point.number)
        row: dict[str, Any] = {
            "number": point.number,
            "feasible": point.is_feasible,
            "on_frontier": on_frontier,
            "problem": point.outcome.problem,
        }
        row |= {name: None if figures is None else getattr(figures, name) for name in OBJECTIVES}
        for name in ("interval", "latency", "lut", "ff", "bram", "uram", "dsp", "mismatches"):
            row[f"measured_{name}"] = None if measured is None else getattr(measured, name)
        return {**row, **{f"choice_{name}": value for name, value in point.parameters.items()}}

    def write(self) -> None:
        """Writes ``exploration.json`` into the folder, in one step."""
        record = {
            "exploration_version": EXPLORATION_VERSION,
            "model": self.model,
            "target": self.target,
            "clock_mhz": self.clock_mhz,
            "objectives": list(self.objectives),
            "points": [_record(point) for point in self.points],
            "frontier": [point.number for point in self.frontier],
            "measured": {str(n): item.as_record() for n, item in self.measured.items()},
            "measured_frontier": list(self.measured_frontier),
            "failed": {str(n): text for n, text in self.failed.items()},
        }
        path = self.folder / EXPLORATION_FILE
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(record, indent=1) + "\n")
        os.replace(fresh, path)


def _record(point: Point) -> dict[str, Any]:
    figures = point.outcome.figures
    return {
        "number": point.number,
        "feasible": point.is_feasible,
        "parameters": dict(point.parameters),
        "figures": None if figures is None else figures.as_record(),
        "excess": point.outcome.excess,
        "problem": point.outcome.problem,
        "design": dict(point.outcome.design),
    }


def non_dominated(values: Sequence[Sequence[float]], objectives: Sequence[str]) -> list[bool]:
    """For each point whether no other one is at least as good in all objectives and better in
    one."""
    signs = [-1 if OBJECTIVES[name] else 1 for name in objectives]
    costs = [tuple(sign * value for sign, value in zip(signs, point)) for point in values]
    return [
        not any(other != own and all(a <= b for a, b in zip(other, own)) for other in costs)
        for own in costs
    ]
