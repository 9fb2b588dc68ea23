"""`sterna explore`: the designs of a model that no other one dominates.

Points are asked for in batches (`sampling`), evaluated by one or several processes (`workers`), and
kept as they finish (`storage`). An exploration that was stopped, in whatever way, goes on where it
was when it is started again with the same folder: points that were finished are read, and of the
batch that was at work only the others are evaluated. The same question and number of trials give
the same points, with any number of workers and however often it was stopped. More trials than
before continue it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sterna.building import prepare
from sterna.ir import Graph, print_graph
from sterna.planner import Planner
from sterna_hw.base import find_device

from ..decoder_flow import find_model
from ..models import load_model
from .allocation import RESOURCES
from .decoders import DecoderJob
from .figures import check_objectives
from .result import Exploration
from .sampling import BATCH, Point, ask_batch, frontier_of
from .space import Outcome, Space
from .storage import TrialStore, locked
from .streaming_evaluation import StreamingJob
from .verification import Builder, DecoderBuilder, StreamingBuilder, measured_before, spread
from .verification import verify as verify_points
from .workers import Evaluator, evaluator

__all__ = ["DEFAULT_OBJECTIVES", "Progress", "explore"]

ANY_PACE = 10**15
"""Cycles between frames that no design is slower than."""

DEFAULT_OBJECTIVES = ("throughput", "lut", "bram", "dsp")

Progress = Callable[[int, int, str], None]
"""Told points done, points in all, and what is going on."""


def explore(
    model: str | Graph,
    target: str,
    out: str | Path,
    *,
    trials: int = 200,
    objectives: Sequence[str] = DEFAULT_OBJECTIVES,
    workers: int | None = None,
    scheduler: str | None = None,
    verify: int = 0,
    seed: int = 0,
    clock_mhz: float | None = None,
    top_k: int | None = None,
    memory: str | None = None,
    layers: int | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Explores the designs of a model on a device.

    Parameters
    ----------
    model : :class:`str` or :class:`Graph`
        A QONNX file, the name of a zoo network, a graph, or a decoder as `sterna estimate` names
        it.
    target : :class:`str`
        Name of the device.
    out : path
        Folder of the exploration. One that is there already is continued.
    trials : :class:`int`
        Points in all, those of earlier runs counted.
    objectives : sequence of :class:`str`
        What the frontier is about: see `OBJECTIVES`.
    workers : :class:`int`, optional
        Local processes; as many as there are processors, if no scheduler is named.
    scheduler : :class:`str`, optional
        Address of a Dask cluster that runs already, instead.
    verify : :class:`int`
        So many points, spread along the frontier, are built, synthesised and simulated. A point
        that a tool gives up is told in ``failed`` of the result, and tried again the next time.
    seed : :class:`int`
        Of the sampler.
    clock_mhz : :class:`float`, optional
        Clock of throughputs; the device's usual one by default.
    top_k : :class:`int`, optional
        End in the k best classes, as in `sterna.build`.
    memory : :class:`str`, optional
        Of streaming networks, where weights may be: ``on-chip``, ``external`` for the choice
        between both, layer by layer, or ``auto`` (without it, too): a choice only for layers that
        the device's memories do not hold, as in `sterna.build`.
    layers : :class:`int`, optional
        Of decoders with random weights: only so many.
    progress : callable, optional
        Told how far it is.

    Raises
    ------
    ValueError
        If an argument means nothing, or the folder holds an exploration that asked something else.
    """
    objectives = check_objectives(objectives)
    if trials < 1:
        raise ValueError(f"Trials must be 1 or more, not {trials!r}")
    if verify < 0:
        raise ValueError(f"Points to verify must be 0 or more, not {verify!r}")
    if seed < 0:
        raise ValueError(f"Seed must be 0 or more, not {seed!r}")
    if workers is not None and workers < 1:
        raise ValueError(f"Workers must be 1 or more, not {workers!r}")
    if workers is not None and scheduler is not None:
        raise ValueError("Workers must not be given with a scheduler, whose workers there are")
    device = find_device(target)
    clock = device.clock_mhz if clock_mhz is None else clock_mhz
    if not 0 < clock < float("inf"):
        raise ValueError(f"Clock must be above 0 MHz, not {clock!r}")
    decoder = find_model(model, layers=layers) if isinstance(model, str) else None
    if decoder is None and layers is not None:
        raise ValueError("Layers must go with a decoder, not with a streaming network")
    if decoder is not None:
        if top_k is not None:
            raise ValueError("Best classes must go with a streaming network, not with a decoder")
        if memory is not None:
            raise ValueError(
                "Memory must go with a streaming network: of a decoder both are explored"
            )
        name, job = decoder.name, DecoderJob.of(decoder.checkpoint.shape, target, clock)
        builder: Builder = DecoderBuilder(decoder, target)
    else:
        graph = prepare(load_model(model) if isinstance(model, str) else model, top_k)
        name, job = graph.name, job_of(graph, target, clock, objectives, memory or "auto")
        builder = StreamingBuilder(job)
    folder = Path(out)
    tell = progress or (lambda done, total, text: None)
    count = workers or (1 if scheduler else min(os.cpu_count() or 1, BATCH))
    question = {"model": name, **job.record(), "objectives": list(objectives), "seed": seed}
    with locked(folder):
        store = TrialStore(folder, question, objectives)
        space = job.space()
        with evaluator(job, count, scheduler) as evaluate:
            points = _search(space, objectives, seed, trials, store, evaluate, tell)
        frontier = frontier_of(space, objectives, points)
        measured = measured_before(frontier, folder)
        found = Exploration(
            name, target, clock, objectives, tuple(points), tuple(frontier), folder, measured
        )
        # Building takes longest and may be stopped: what is known by then should be there.
        found.write()
        chosen = spread(frontier, verify)
        if chosen:
            fresh, failed = verify_points(
                builder, chosen, folder, lambda text: tell(trials, trials, text)
            )
            found = replace(found, measured={**measured, **fresh}, failed=failed)
            found.write()
    return found


def _search(
    space: Space,
    objectives: Sequence[str],
    seed: int,
    trials: int,
    store: TrialStore,
    evaluate: Evaluator,
    tell: Progress,
) -> list[Point]:
    """All points up to a number, those that are known already included."""
    known = store.points()
    finished: list[Point] = []
    for first in range(0, trials, BATCH):
        count = min(BATCH, trials - first)
        numbers = range(first, first + count)
        if not all(number in known for number in numbers):
            asked = ask_batch(space, objectives, seed, first // BATCH, count, finished)
            missing = [
                replace(point, outcome=Outcome(space.design(point.parameters)))
                for point in asked
                if point.number not in known
            ]
            for point in evaluate(missing):
                store.add(point, space.distributions)
                known[point.number] = point
                done = sum(number in known for number in range(trials))
                tell(done, trials, f"Point {point.number}")
        finished += [known[number] for number in numbers]
    return finished


def job_of(
    graph: Graph, target: str, clock_mhz: float, objectives: Sequence[str], memory: str = "auto"
) -> StreamingJob:
    """The job of exploring a graph that is prepared for hardware.

    Raises
    ------
    ValueError
        If ``memory`` is none of the choices.
    """
    resources = tuple(name for name in RESOURCES if name in objectives)
    planner = Planner(graph, find_device(target), memory=memory)
    if memory == "external":
        streamed = tuple(layer.name for layer in planner.layers)
    else:
        streamed = _beyond_the_chip(planner)
    return StreamingJob(print_graph(graph), target, clock_mhz, resources or ("lut",), streamed)


def _beyond_the_chip(planner: Planner) -> tuple[str, ...]:
    """Layers whose weights the planner keeps outside, at whatever pace; none if even that does not
    make a design that fits."""
    try:
        planner.plan(interval=ANY_PACE)
    except ValueError:
        return ()
    return tuple(layer.name for layer in planner.layers if layer.name in planner.external)
