"""Where weights are as a choice of an exploration: on the chip, or in external memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sterna
import sterna_flows
from sterna.folding import SelectFolding, as_record, foldings_of
from sterna.mapping import map_graph
from sterna_flows.exploration.energy import DRAM_BIT
from sterna_flows.exploration.search import DEFAULT_OBJECTIVES, job_of
from sterna_flows.exploration.streaming import StreamingSpace
from sterna_hw.weight_buffer import WeightBufferConfig

from ...sw.graphs import mlp

TARGET = "ecp5-25k"
SMALL = mlp(48, 96, 64, 4)


def streamed(graph: sterna.Graph, memory: str) -> tuple[str, ...]:
    return job_of(graph, TARGET, 125.0, DEFAULT_OBJECTIVES, memory).streamed


def test_only_what_the_chip_does_not_hold_is_a_choice_unasked() -> None:
    """The second network has a layer of 512 x 1024, more than the block memory of the device."""
    large = mlp(512, 1024, 6)
    assert streamed(SMALL, "auto") == streamed(large, "on-chip") == ()
    assert streamed(large, "auto") == ("fc0",)
    assert streamed(SMALL, "external") == ("fc0", "fc1", "fc2")
    with pytest.raises(ValueError, match="Memory must be one of auto, on-chip, external"):
        streamed(SMALL, "tape")


def test_both_memories_are_explored(tmp_path: Path) -> None:
    graph = mlp(16, 256, 256, 4)
    options = {"trials": 24, "objectives": ("throughput", "lut", "bram", "energy"), "workers": 1}
    found = sterna_flows.explore(graph, TARGET, tmp_path / "out", memory="external", **options)
    kinds = {
        (folding.get("external", False), point.number)
        for point in found.frontier
        for folding in point.outcome.design["foldings"].values()
    }
    assert {external for external, _ in kinds} == {False, True}
    with pytest.raises(ValueError, match="must have the same external, .*, not None; name another"):
        sterna_flows.explore(graph, TARGET, tmp_path / "out", **options)
    number = max(number for external, number in kinds if external)
    point = found.points[number]
    foldings = foldings_of(point.outcome.design["foldings"], "the test")
    design = sterna.build(graph, TARGET, tmp_path / "built", foldings=foldings)
    report = json.loads((design.directory / "report.json").read_text())
    figures = point.outcome.figures
    assert figures is not None
    assert figures.interval == report["cycles"]["interval"]["predicted"]
    assert (figures.lut, figures.bram) == (report["estimated"]["lut"], report["estimated"]["bram"])
    assert report["memory"]["bytes_per_cycle"] <= 64
    # Bits from DRAM are in its energy, at the least.
    words = report["memory"]["bytes_per_frame"] * 8
    assert figures.energy > words * DRAM_BIT * 0.9 / 1000


def test_a_layer_may_be_kept_to_a_memory() -> None:
    job = job_of(SMALL, TARGET, 125.0, DEFAULT_OBJECTIVES, "external")
    space = job.space()
    assert isinstance(space, StreamingSpace)
    allocation = space.allocation
    names = [layer.name for layer in allocation.layers]
    costs = {}
    for memory in ("block", "distributed", "external"):
        assert all(memory in allocation.memories(layer) for layer in allocation.layers)
        point = space.sweep(0, 1, [])[0] | {f"memory.{name}": memory for name in names}
        point |= {f"engine.{name}": "select" for name in names}
        assert set(point) == set(space.distributions)
        foldings = foldings_of(space.design(point)["foldings"], "the test")
        mapped = map_graph(SMALL, space.device, foldings, contents=False)
        for stage in mapped.accelerator.stages:
            if isinstance(stage.weights, WeightBufferConfig):
                assert stage.weights.style == memory
        costs[memory] = mapped.accelerator.cost(space.device)
        assert len(mapped.accelerator.streams) == (len(names) if memory == "external" else 0)
    assert costs["distributed"].bram < costs["block"].bram
    # Left alone, a layer is where it would be without an exploration, or outside.
    free = space.design(space.sweep(0, 1, [])[0])["foldings"]
    assert not any("memory" in folding for folding in free.values())


def test_all_ports_together_are_not_faster_than_memory() -> None:
    """Four layers that take 16 bytes a cycle each are as fast as memory; a fifth is too much."""
    graph = mlp(64, 64, 64, 64, 64, 64, 4)
    evaluation = job_of(graph, TARGET, 125.0, DEFAULT_OBJECTIVES).evaluation()
    foldings = {"fc5": SelectFolding(64, 1)}
    for external in (False, True):
        layers = {f"fc{number}": SelectFolding(64, 1, external=True) for number in range(1, 5)}
        first = SelectFolding(64, 1, external=external)
        found = evaluation.evaluate({"foldings": as_record({"fc0": first, **layers, **foldings})})
        assert found.figures is not None and found.figures.interval == 64
        assert (found.excess > 0) == external
        text = "Interval must be 80 cycles or more, in which memory gives all weights at 64 bytes"
        assert found.problem.startswith(text) if external else not found.problem
