"""Builds chosen points of a frontier: Verilog, synthesis by Yosys, simulation by Verilator.

Points are taken spread along the frontier, both ends among them. Each is a build like any other, in
a folder of its own below ``verified``; what came out of it stands in ``measured.json`` there when
all is done, so an exploration that is continued does not build it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sterna.ir import parse_graph

from ..build_flow import build_with_regression
from ..report_file import read_report
from ..simulation import simulate
from ..synthesis import synthesise_design
from .figures import Measured
from .sampling import Point
from .streaming_evaluation import StreamingJob, foldings_of_design

__all__ = ["FRAMES", "spread", "verify"]

VERIFIED = "verified"
FRAMES = 16
"""Frames that a point is simulated with."""


def spread(frontier: Sequence[Point], count: int) -> list[Point]:
    """So many points spread evenly along a frontier, both ends among them, or all there are."""
    if not frontier or count < 1:
        return []
    places = np.linspace(0, len(frontier) - 1, min(count, len(frontier))).round().astype(int)
    return [frontier[place] for place in sorted(set(places.tolist()))]


def verify(
    job: StreamingJob, points: Sequence[Point], folder: Path, tell: Callable[[str], None]
) -> dict[int, Measured]:
    """What points come to when they are built, by number.

    Raises
    ------
    ToolError, SimulatorError
        If a tool is missing or fails.
    """
    found = {}
    for place, point in enumerate(points, start=1):
        where = folder / VERIFIED / f"{point.number:04d}"
        tell(f"Point {point.number} ({place} of {len(points)}): build, synthesis, simulation")
        kept = where / "measured.json"
        if kept.is_file():
            found[point.number] = Measured(**json.loads(kept.read_text()))
            continue
        found[point.number] = _measure(job, point.outcome.design, where, folder)
        fresh = kept.with_suffix(".new")
        fresh.write_text(json.dumps(found[point.number].as_record(), indent=2) + "\n")
        os.replace(fresh, kept)
    return found


def _measure(job: StreamingJob, design: Mapping[str, Any], where: Path, folder: Path) -> Measured:
    built = build_with_regression(
        parse_graph(job.graph),
        job.target,
        where,
        foldings=foldings_of_design(design),
        queues=dict(design["queues"]),
        clock_mhz=job.clock_mhz,
    )
    synthesise_design(built)
    simulate(built, FRAMES)
    report = read_report(where)
    cycles, used = report["cycles"], report["resources"]
    return Measured(
        interval=cycles["interval"].get("simulated"),
        latency=cycles["latency"].get("simulated"),
        **{kind: used[kind] for kind in ("lut", "ff", "bram", "uram", "dsp")},
        words=report["exact"]["words"],
        mismatches=report["exact"]["mismatches"],
        source=used["source"],
        folder=str(where.relative_to(folder)),
    )
