"""Streaming networks of the zoo, run: cycles of a frame, speed of simulation and golden model.

A built network is simulated in Verilator without stalls by the same function as `sterna sim` and
compared word by word. Speeds are those of processor time, so they hold on a busy machine too: of
the simulation all that its process does, its start included, the compilation left out (a first,
short run has compiled the model); of the golden model integer inputs to integer outputs, on the
test set, for so many seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sterna.design import Design
from sterna_models import zoo

from ..effort import Stopwatch
from ..models import sample_inputs
from ..report_file import read_report
from ..simulation import failures, simulate
from .builds import Build

__all__ = ["NetworkRun", "run_network"]

FRAMES = 4
"""Frames at least, so that the pipeline is full for the interval of the last two."""

BATCH = 16


@dataclass(frozen=True)
class NetworkRun:
    """What came out for one network on one device.

    Parameters
    ----------
    ideal : :class:`float`
        Cycles of a frame by the multiply-accumulates of the slowest layer alone.
    busiest : :class:`int`
        Cycles that a frame keeps the busiest part at work.
    predicted, simulated : tuples of :class:`int`
        Latency and interval, by the cycle model and measured.
    frames, cycles, words : :class:`int`
        Simulated without stalls; compared with the golden model.
    simulation_seconds : :class:`float`
        Processor time of the simulation.
    problems : tuple of :class:`str`
        What was not equal or not as predicted.
    golden_samples : :class:`int`
        Samples that the golden model was given in ``golden_seconds`` of processor time.
    """

    model: str
    target: str
    ideal: float
    busiest: int
    predicted: tuple[int, int]
    simulated: tuple[int | None, int | None]
    frames: int
    cycles: int
    words: int
    simulation_seconds: float
    problems: tuple[str, ...]
    golden_samples: int
    golden_seconds: float

    @property
    def ideal_share(self) -> float:
        """The ideal interval over the one that is."""
        return self.ideal / (self.simulated[1] or self.predicted[1])


def run_network(build: Build, cycles: int, golden_seconds: float) -> NetworkRun:
    """Simulates about so many cycles, and runs the golden model for about so many seconds.

    Raises
    ------
    ToolError, SimulatorError
        If compiling or simulating fails.
    """
    design = Design(build.folder)
    report = read_report(build.folder)
    interval = report["cycles"]["interval"]["predicted"]
    available = len(zoo.test_set(build.model)[0])
    frames = min(available, max(FRAMES, math.ceil(cycles / interval)))
    simulate(design, FRAMES)
    watch = Stopwatch()
    (result,) = simulate(design, frames)
    seconds = watch.tool_seconds
    samples, golden = _run_golden(design, build.model, available, golden_seconds)
    return NetworkRun(
        model=build.model,
        target=build.target,
        ideal=max(layer["ideal"] for layer in report["layers"] if "ideal" in layer),
        busiest=max(layer["cycles"] for layer in report["layers"]),
        predicted=(report["cycles"]["latency"]["predicted"], interval),
        simulated=(result.latency, result.interval),
        frames=frames,
        cycles=result.cycles,
        words=result.words,
        simulation_seconds=seconds,
        problems=tuple(failures([result])),
        golden_samples=samples,
        golden_seconds=golden,
    )


def _run_golden(design: Design, model: str, available: int, least: float) -> tuple[int, float]:
    """Samples and seconds; it ends with the test set at the latest."""
    codes, _ = sample_inputs(design.graph, available, 0, model)
    done, watch = 0, Stopwatch()
    while done < available and (not done or watch.own_seconds < least):
        batch = codes[done : done + BATCH]
        design.graph.run_integers(batch)
        done += len(batch)
    return done, watch.own_seconds
