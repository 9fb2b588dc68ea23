"""Builds a case and compares everything that moves in it with the golden model and the cycle model.

Three comparisons, the cheapest first: what each stage means by its own ``compute``; what each
stream inside and the output pins carry in Amaranth's simulator, under every stall profile of the
case; and, without stalls, the cycle of every beat of every stream. The first difference makes a
`Failure`, whose kind tells failures of one sort apart from others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sterna.building import predict_cycles, prepare
from sterna.cycles import Network, simulate_network
from sterna.mapping import MappedDesign, map_graph
from sterna_hw.base import find_device
from sterna_hw.stage import PartConfig, port_shape
from sterna_sim.axi_words import expected_words
from sterna_sim.design_description import FrameShape
from sterna_sim.payloads import payloads_to_frames
from sterna_sim.stream_watch import StreamWatch, watch_streams

from .case import Case

__all__ = ["Failure", "examine", "mapped_design", "predicted_cycles"]

PATIENCE = 12
"""A run may take so many times its unstalled cycles: the slowest profile moves one in eight."""


@dataclass(frozen=True)
class Failure:
    """What went wrong with a case.

    ``kind`` is one of ``build`` (refused), ``meaning`` (a stage's own arithmetic), ``values`` (a
    stream), ``missing`` (beats that did not come), ``cycles`` and ``rules`` (of streams).
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def mapped_design(case: Case) -> MappedDesign:
    """The accelerator of a case.

    Raises
    ------
    ValueError
        If it cannot be mapped.
    """
    graph = prepare(case.graph)
    device = find_device(case.target)
    queues = dict(case.queues)
    return map_graph(graph, device, case.foldings, reloadable=case.reloadable, queues=queues)


def predicted_cycles(mapped: MappedDesign, frames: int) -> int:
    """Cycles that so many frames take without stalls, by the exact cycle model."""
    latency, interval, _ = predict_cycles(mapped.accelerator)
    return latency + (frames - 1) * interval


def examine(case: Case, simulate: bool = True) -> Failure | None:
    """The first thing that is wrong with a case, or None; without simulation only what the stages
    mean is compared, in milliseconds."""
    try:
        mapped = mapped_design(case)
    except ValueError as error:
        return Failure("build", str(error))
    codes = case.codes()
    golden = mapped.graph.run_integers(codes, checkpoints=True)
    frames = codes.reshape(len(codes), -1)
    values = {
        stage: golden[layer].reshape(-1, port_shape(_part(mapped, stage), "o").elements)
        for stage, layer in mapped.layers.items()
    }
    failure = _meaning(mapped, frames, values)
    if failure is not None or not simulate:
        return failure
    patience = PATIENCE * predicted_cycles(mapped, case.frames) + 400
    output = golden[mapped.graph.output_name].reshape(len(codes), -1)
    times = _times(mapped, len(frames))
    beats = {stream: len(cycles) for stream, cycles in times.items()}
    for run in watch_streams(mapped.accelerator, frames, case.profiles, case.seed, patience, beats):
        failure = _streams(mapped, run, values) or _pins(mapped, run, output)
        if failure is None and run.violations:
            failure = Failure("rules", run.violations[0])
        if failure is None and run.profile == "none":
            failure = _cycles(run, times)
        if failure is not None:
            return Failure(failure.kind, f"{failure.text} (stalls: {run.profile})")
    return None


def _part(mapped: MappedDesign, name: str) -> PartConfig:
    return next(stage.part for stage in mapped.accelerator.stages if stage.name == name)


def _meaning(
    mapped: MappedDesign, frames: np.ndarray, values: Mapping[str, np.ndarray]
) -> Failure | None:
    for name, result in mapped.accelerator.compute(frames).items():
        if name in values and not np.array_equal(result.reshape(values[name].shape), values[name]):
            return Failure("meaning", _difference(name, result.reshape(-1), values[name]))
    return None


def _difference(name: str, found: np.ndarray, expected: np.ndarray) -> str:
    place = int(np.flatnonzero(found.ravel() != expected.ravel())[0])
    wrong, right = int(found.ravel()[place]), int(expected.ravel()[place])
    return f"element {place} of {name} is {wrong}, not {right}"


def _streams(
    mapped: MappedDesign, run: StreamWatch, values: Mapping[str, np.ndarray]
) -> Failure | None:
    for stage in mapped.accelerator.stages:
        if stage.name not in values:
            continue
        shape = port_shape(stage.part, "o")
        payloads = [payload for _, payload in run.streams[stage.name, "o"]]
        expected = values[stage.name]
        try:
            found = payloads_to_frames(payloads, shape.values, shape.count, shape.elements)
        except ValueError as error:
            return Failure("missing", f"stream of {stage.name}: {error}")
        if len(found) != len(expected):
            came = f"{len(found)} of {len(expected)} vectors of {stage.name} came"
            return Failure("missing", came)
        if not np.array_equal(found, expected):
            return Failure("values", _difference(stage.name, found, expected))
    return None


def _pins(mapped: MappedDesign, run: StreamWatch, expected: np.ndarray) -> Failure | None:
    edge = mapped.accelerator.output_edge
    words = expected_words(expected, FrameShape(edge.elements, edge.values, edge.count))
    given = [word for _, word in run.given]
    if len(given) != len(words):
        return Failure("missing", f"{len(given)} of {len(words)} words came out")
    for number, (word, right) in enumerate(zip(given, words)):
        if word != right:
            return Failure("values", f"word {number} at the output is {word:#x}, not {right:#x}")
    return None


def _times(mapped: MappedDesign, frames: int) -> dict[tuple[str, str], list[int]]:
    """The cycles of all beats of every watched stream, by the cycle model."""
    accelerator = mapped.accelerator
    parts, links = accelerator.network()
    beats = {("input_edge", "i"): accelerator.input_edge.beats * frames}
    transfers = simulate_network(Network(parts, links), beats).transfers
    watched = [("input_edge", "o"), ("output_edge", "o")]
    watched += [(stage.name, port) for stage in accelerator.stages for port in stage.outputs]
    return {stream: transfers[stream].tolist() for stream in watched}


def _cycles(run: StreamWatch, times: Mapping[tuple[str, str], list[int]]) -> Failure | None:
    for stream, found in run.streams.items():
        cycles = [cycle for cycle, _ in found]
        predicted = times[stream]
        if cycles != predicted:
            pairs = zip([*cycles, None], [*predicted, None])
            beat, (came, right) = next((n, p) for n, p in enumerate(pairs) if p[0] != p[1])
            name = ".".join(stream)
            return Failure("cycles", f"beat {beat} of {name} is in cycle {came}, not {right}")
    return None
