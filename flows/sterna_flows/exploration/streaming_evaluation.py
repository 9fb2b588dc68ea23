"""What a streaming design comes to: as `sterna build` would make it, without its Verilog.

Queues are sized and cycles are found by the exact cycle model, parts are mapped and estimated by
their own formulas, so the figures are those of the build's report. `StreamingJob` is a network and
a device as text and numbers, from which any process makes the same evaluation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sterna.building import FRAMES, predict_cycles
from sterna.folding import LayerFolding, as_record, foldings_of
from sterna.ir import Graph, parse_graph
from sterna.mapping import MappedDesign, map_graph
from sterna.planner import Budget
from sterna.queues import size_queues
from sterna.streaming_choice import MEMORY_BYTES, least_interval
from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.base import Device, find_device
from sterna_hw.weight_stream import WeightStreamConfig

from .energy import frame_energy
from .figures import Figures
from .space import Outcome, Space

__all__ = ["StreamingEvaluation", "StreamingJob", "foldings_of_design"]

WHOLE = Budget(lut=1, ff=1, bram=1, uram=1, dsp=1)


@dataclass(frozen=True)
class StreamingJob:
    """A network, as text and prepared for hardware, a device, its clock in MHz, the resources
    that are objectives, and the layers whose weights may stream from external memory."""

    graph: str
    target: str
    clock_mhz: float
    resources: tuple[str, ...] = ("lut",)
    streamed: tuple[str, ...] = ()

    def evaluation(self) -> StreamingEvaluation:
        graph, device = parse_graph(self.graph), find_device(self.target)
        return StreamingEvaluation(graph, device, self.clock_mhz)

    def space(self) -> Space:
        from .streaming import StreamingSpace

        return StreamingSpace(self.evaluation(), self.resources, self.streamed)

    def record(self) -> dict[str, Any]:
        digest = hashlib.sha256(self.graph.encode()).hexdigest()
        record = {"graph": digest, "target": self.target, "clock_mhz": self.clock_mhz}
        return record | ({"external": list(self.streamed)} if self.streamed else {})


class StreamingEvaluation:
    """A prepared graph on a device."""

    def __init__(self, graph: Graph, device: Device, clock_mhz: float) -> None:
        self.graph, self.device, self.clock_mhz = graph, device, clock_mhz
        self._known: dict[str, Outcome] = {}

    def evaluate(self, design: Mapping[str, Any]) -> Outcome:
        """What a design with the foldings of ``design`` comes to."""
        return self.outcome_of(foldings_of_design(design))

    def outcome_of(self, foldings: Mapping[str, LayerFolding]) -> Outcome:
        """What given foldings come to, with the shallowest queues that keep their pace."""
        key = str(sorted(as_record(foldings).items()))
        if key not in self._known:
            self._known[key] = self._outcome_of(foldings)
        return self._known[key]

    def _outcome_of(self, foldings: Mapping[str, LayerFolding]) -> Outcome:
        try:
            queues = size_queues(self.graph, self.device, foldings)
            mapped = map_graph(self.graph, self.device, foldings, contents=False, queues=queues)
        except ValueError as error:
            return Outcome(problem=str(error))
        accelerator = mapped.accelerator
        latency, interval, times = predict_cycles(accelerator)
        figures = Figures.of(
            accelerator.cost(self.device),
            interval,
            latency,
            self.clock_mhz * 1e6 / interval,
            frame_energy(accelerator, _beats(accelerator, times.transfers), self.device),
        )
        excess = figures.excess(self.device)
        problem = ""
        if excess > 0:
            lacks = ", ".join(WHOLE.excess(accelerator.cost(self.device), self.device))
            problem = f"Design must fit {self.device.name}: {lacks}"
        least = least_interval(self._words(mapped))
        if least > interval:
            excess = max(excess, least / interval - 1)
            problem = problem or (
                f"Interval must be {least} cycles or more, in which memory gives all weights at "
                f"{MEMORY_BYTES} bytes a cycle, not {interval}"
            )
        design = {"foldings": as_record(foldings), "queues": queues}
        return Outcome(design, figures, excess, problem)

    def _words(self, mapped: MappedDesign) -> int:
        """Words that a frame takes from external memory, over all ports."""
        words = 0
        for stage in mapped.accelerator.stages:
            if isinstance(stage.weights, WeightStreamConfig):
                vectors = self.graph.types[mapped.layers[stage.name]].vectors
                words += stage.weights.pass_words * vectors
        return words


def _beats(
    accelerator: AcceleratorConfig, transfers: Mapping[tuple[str, str], np.ndarray]
) -> dict[str, int]:
    """Beats that each stage gives in a frame."""
    return {
        stage.name: len(transfers[stage.name, stage.outputs[0]]) // FRAMES
        for stage in accelerator.stages
    }


def foldings_of_design(design: Mapping[str, Any]) -> dict[str, LayerFolding]:
    """The foldings of a design."""
    return foldings_of(design["foldings"], "the exploration")
