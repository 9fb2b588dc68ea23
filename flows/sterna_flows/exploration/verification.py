"""Builds chosen points of a frontier: Verilog, synthesis by Yosys, simulation by Verilator.

Points are taken spread along the frontier, both ends among them. Each is a build like any other, in
a folder of its own below ``verified``; what came out of it stands in ``measured.json`` there when
all is done, so an exploration that is continued does not build it again. A point that a tool gives
up leaves the others alone, and is tried again the next time.

A streaming network is simulated with `FRAMES` frames without stalls. A decoder takes in the same
prompt as its estimate is about and gives two tokens, behind a memory as fast as its ports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.source import DecoderSource
from sterna.ir import parse_graph
from sterna_sim.verilator import SimulatorError
from sterna_sim.verilator import ToolError as VerilatorError

from ..build_flow import build_with_regression
from ..decoder_flow import build_decoder_folder
from ..decoder_simulation import simulate_decoder
from ..report_file import read_report
from ..simulation import simulate
from ..synthesis import synthesise_design
from ..tools import ToolError
from .decoders import prompt_of
from .figures import Measured
from .sampling import Point
from .streaming_evaluation import StreamingJob, foldings_of_design

__all__ = [
    "FRAMES",
    "Builder",
    "DecoderBuilder",
    "StreamingBuilder",
    "measured_before",
    "spread",
    "verify",
]

VERIFIED = "verified"
FRAMES = 16
"""Frames that a point of a streaming network is simulated with."""
TOKENS = 2
"""Tokens that a decoder gives."""


class Builder(Protocol):
    """Makes designs of one model."""

    def make(self, design: Mapping[str, Any], where: Path) -> None:
        """Builds, synthesises and simulates a point's design; the report in the folder ``where``
        then tells all."""
        ...


@dataclass(frozen=True)
class StreamingBuilder:
    """Makes a streaming network's designs."""

    job: StreamingJob

    def make(self, design: Mapping[str, Any], where: Path) -> None:
        built = build_with_regression(
            parse_graph(self.job.graph),
            self.job.target,
            where,
            foldings=foldings_of_design(design),
            queues=dict(design["queues"]),
            clock_mhz=self.job.clock_mhz,
        )
        synthesise_design(built)
        simulate(built, FRAMES)


@dataclass(frozen=True)
class DecoderBuilder:
    """Makes a decoder's designs."""

    source: DecoderSource
    target: str

    def make(self, design: Mapping[str, Any], where: Path) -> None:
        hardware = DecoderHardware(**design["hardware"])
        build_decoder_folder(self.source, self.target, where, hardware=hardware)
        synthesise_design(where)
        simulate_decoder(where, prompt_of(self.source.checkpoint.shape), TOKENS)


def spread(frontier: Sequence[Point], count: int) -> list[Point]:
    """So many points spread evenly along a frontier, both ends among them, or all there are."""
    if not frontier or count < 1:
        return []
    places = np.linspace(0, len(frontier) - 1, min(count, len(frontier))).round().astype(int)
    return [frontier[place] for place in sorted(set(places.tolist()))]


def measured_before(points: Sequence[Point], folder: Path) -> dict[int, Measured]:
    """What those of the points came to that were built earlier, by number."""
    found = {}
    for point in points:
        kept = _kept(point, folder)
        if kept.is_file():
            found[point.number] = Measured(**json.loads(kept.read_text()))
    return found


def verify(
    builder: Builder, points: Sequence[Point], folder: Path, tell: Callable[[str], None]
) -> tuple[dict[int, Measured], dict[int, str]]:
    """What points come to when they are built, by number; and why others could not be, by number:
    a tool failed, or the design does not fit after all."""
    found = measured_before(points, folder)
    problems: dict[int, str] = {}
    for place, point in enumerate(points, start=1):
        if point.number in found:
            continue
        tell(f"Point {point.number} ({place} of {len(points)}): build, synthesis, simulation")
        kept = _kept(point, folder)
        where = kept.parent
        try:
            builder.make(point.outcome.design, where)
        except (ToolError, VerilatorError, SimulatorError, ValueError) as error:
            problems[point.number] = " ".join(str(error).split())
            continue
        found[point.number] = _measured(where, folder)
        fresh = kept.with_suffix(".new")
        fresh.write_text(json.dumps(found[point.number].as_record(), indent=2) + "\n")
        os.replace(fresh, kept)
    return found, problems


def _kept(point: Point, folder: Path) -> Path:
    return folder / VERIFIED / f"{point.number:04d}" / "measured.json"


def _measured(where: Path, folder: Path) -> Measured:
    """What the report of a build tells."""
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
