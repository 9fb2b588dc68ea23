"""`sterna explore --bits`: how many planes of ternary digits each layer's weights need.

Layers whose weights take several planes (`sterna.passes.fewer_planes`) are rewritten in fewer,
which makes their engines do less. How much a layer bears is measured: it alone is rewritten, the
golden model runs on samples, and its sensitivity is the mean square of what changes in the outputs,
by that of the outputs. Under each of several budgets of trits, an integer program and a closed form
say which layers give how much (`bit_budget`); besides, all layers get one, two, ... planes. Every
choice is a network of its own, whose accuracy the golden model measures on real test samples,
others than those that sensitivities come from, and whose hardware is planned at one pace for all
and estimated as any point. Those that are not dominated in accuracy and look-up tables are the
frontier.

Nothing is trained: an accuracy that drops may come back by training with that precision.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sterna import golden
from sterna.building import prepare
from sterna.ir import Graph, MatMul, parse_graph, print_graph
from sterna.passes import fewer_planes, plane_counts
from sterna.planner import Planner
from sterna_hw.base import find_device
from sterna_models import zoo

from ..models import input_codes, load_model
from .bit_budget import by_closed_form, by_integer_program, trits_of
from .figures import Figures
from .streaming_evaluation import StreamingEvaluation

__all__ = ["BitExploration", "Precision", "explore_bits"]

BITS_FILE = "bits.json"
LARGEST = 1000
"""Samples that sensitivities are measured with, at most, and as many for accuracy."""


@dataclass(frozen=True)
class Precision:
    """A choice of planes for each layer that could have fewer, and what it comes to.

    ``trits`` counts all matrix weights' ternary digits, those of other layers included.
    """

    method: str
    planes: Mapping[str, int]
    trits: int
    accuracy: float
    figures: Figures


@dataclass(frozen=True)
class BitExploration:
    """What an exploration of precisions found: choices by falling number of trits, the first one
    the network as it is, with the sensitivities, by layer and planes."""

    model: str
    target: str
    samples: int
    sensitivities: Mapping[str, Mapping[int, float]]
    points: tuple[Precision, ...]
    graphs: tuple[Graph, ...]
    folder: Path

    @property
    def frontier(self) -> tuple[int, ...]:
        """Places of the points that none dominates in accuracy and look-up tables."""
        values = [(-point.accuracy, point.figures.lut) for point in self.points]
        return tuple(
            place
            for place, own in enumerate(values)
            if not any(o != own and o[0] <= own[0] and o[1] <= own[1] for o in values)
        )

    def rows(self) -> list[dict[str, Any]]:
        """A row for each point, for tables and pandas."""
        return [
            {
                "number": number,
                "method": point.method,
                "on_frontier": number in self.frontier,
                "trits": point.trits,
                "accuracy": point.accuracy,
                **point.figures.as_record(),
                **{f"planes_{name}": count for name, count in point.planes.items()},
            }
            for number, point in enumerate(self.points)
        ]


def explore_bits(
    model: str | Graph,
    target: str,
    out: str | Path,
    *,
    data: tuple[np.ndarray, np.ndarray] | None = None,
    budgets: int = 8,
    interval: int | None = None,
    clock_mhz: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> BitExploration:
    """Explores how many planes each layer needs.

    Parameters
    ----------
    model : :class:`str` or :class:`Graph`
        A QONNX file, the name of a zoo network, or a graph.
    target : :class:`str`
        Name of the device.
    out : path
        Folder for ``bits.json`` and the networks, ``NN.sterna``, as `parse_graph` reads them.
    data : pair of arrays, optional
        Real inputs, sample first, and labels; those of the zoo for its networks.
    budgets : :class:`int`
        Budgets of trits between one plane each and all there are.
    interval : :class:`int`, optional
        Cycles between frames of all designs; what is planned for the network as it is by default.

    Raises
    ------
    ValueError
        If there is nothing to make smaller, no data, or a number means nothing.
    """
    if budgets < 1:
        raise ValueError(f"Budgets must be 1 or more, not {budgets!r}")
    say = progress or (lambda text: None)
    graph = load_model(model) if isinstance(model, str) else model
    device = find_device(target)
    clock = device.clock_mhz if clock_mhz is None else clock_mhz
    if not 0 < clock < float("inf"):
        raise ValueError(f"Clock must be above 0 MHz, not {clock!r}")
    full = plane_counts(graph)
    if not full:
        raise ValueError(
            f"Network {graph.name} must have a layer whose weights take several planes of ternary "
            "digits and that a quantiser follows; all of its layers have one"
        )
    first, second, labels = _samples(graph, data)
    weights = {name: _layer(graph, name).weights.size for name in full}
    say("Sensitivities")
    values = golden.run_values(graph, first)
    squares = {
        name: np.square(values[_layer(graph, name).inputs[0]].astype(float)).mean(
            axis=tuple(range(values[_layer(graph, name).inputs[0]].ndim - 1))
        )
        for name in full
    }
    sensitivities = _sensitivities(graph, full, squares, first, values[graph.output_name])
    choices: dict[tuple[int, ...], tuple[str, dict[str, int]]] = {}

    def offer(method: str, planes: Mapping[str, int]) -> None:
        choices.setdefault(tuple(planes[name] for name in full), (method, dict(planes)))

    offer("as it is", full)
    for count in range(max(full.values()) - 1, 0, -1):
        offer("equal", {name: min(count, most) for name, most in full.items()})
    least, all_trits = sum(weights.values()), trits_of(full, weights)
    for budget in np.linspace(least, all_trits, budgets + 1)[:-1].astype(int).tolist():
        offer("integer program", by_integer_program(sensitivities, weights, budget))
        offer("closed form", by_closed_form(sensitivities, weights, budget))
    found: list[tuple[Precision, Graph]] = []
    for method, planes in choices.values():
        say(f"{len(found) + 1} of {len(choices)}: planes {', '.join(map(str, planes.values()))}")
        variant = fewer_planes(graph, planes, squares)
        hardware = prepare(variant)
        if interval is None:
            chosen = Planner(hardware, device).plan()
        else:
            chosen = Planner(hardware, device).plan(interval)
        outcome = StreamingEvaluation(hardware, device, clock).outcome_of(chosen)
        if outcome.figures is None:
            raise ValueError(outcome.problem)
        if interval is None:
            # The first is the network as it is: all others have its pace.
            interval = outcome.figures.interval
        classes = golden.run_values(variant, second)[graph.output_name]
        hits = classes.reshape(len(second), -1).argmax(axis=1) == labels
        point = Precision(method, planes, _trits(variant), float(hits.mean()), outcome.figures)
        found.append((point, variant))
    found.sort(key=lambda item: -item[0].trits)
    result = BitExploration(
        graph.name,
        target,
        len(second),
        sensitivities,
        tuple(point for point, _ in found),
        tuple(variant for _, variant in found),
        Path(out),
    )
    _write(result)
    return result


def _samples(
    graph: Graph, data: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes for sensitivities, others for accuracy, and the labels of these."""
    if data is None:
        if graph.name not in zoo.names():
            raise ValueError(f"Data must be given for {graph.name}, which is not of the zoo")
        data = zoo.test_set(graph.name)
    inputs, labels = data
    if len(inputs) != len(labels) or len(inputs) < 2:
        raise ValueError(
            f"Data must be two samples or more with a label each, not {len(inputs)} and "
            f"{len(labels)} labels"
        )
    codes = input_codes(graph, np.asarray(inputs))
    first, second = codes[::2][:LARGEST], codes[1::2][:LARGEST]
    return first, second, np.asarray(labels)[1::2][:LARGEST]


def _layer(graph: Graph, name: str) -> MatMul:
    layer = graph[name]
    assert isinstance(layer, MatMul)
    return layer


def _sensitivities(
    graph: Graph,
    full: Mapping[str, int],
    squares: Mapping[str, np.ndarray],
    codes: np.ndarray,
    outputs: np.ndarray,
) -> dict[str, dict[int, float]]:
    whole = float(np.square(outputs.astype(float)).mean()) or 1.0
    found: dict[str, dict[int, float]] = {}
    for name, most in full.items():
        found[name] = {most: 0.0}
        for count in range(1, most):
            variant = fewer_planes(graph, {name: count}, squares)
            changed = golden.run_values(variant, codes)[graph.output_name] - outputs
            found[name][count] = float(np.square(changed.astype(float)).mean()) / whole
    return found


def _trits(graph: Graph) -> int:
    return sum(op.weights.size * op.planes for op in graph.ops if isinstance(op, MatMul))


def _write(found: BitExploration) -> None:
    found.folder.mkdir(parents=True, exist_ok=True)
    for number, graph in enumerate(found.graphs):
        text = print_graph(graph)
        assert print_graph(parse_graph(text)) == text
        (found.folder / f"{number:02d}.sterna").write_text(text)
    record = {
        "bits_version": 1,
        "model": found.model,
        "target": found.target,
        "samples": found.samples,
        "sensitivities": found.sensitivities,
        "points": found.rows(),
        "frontier": found.frontier,
    }
    path = found.folder / BITS_FILE
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(fresh, path)
