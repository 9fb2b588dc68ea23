"""The claim itself: every committed network's Verilog equals its golden model, cycle for cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sterna
from sterna.design import Design
from sterna.folding import SelectFolding, TableFolding, read_foldings
from sterna.ir import MatMul
from sterna_flows.models import load_model
from sterna_flows.models import sample_inputs as chosen_inputs
from sterna_models import zoo
from sterna_sim.design_bench import simulate_profiles
from sterna_sim.stalls import PROFILES

FRAMES = 16
STALLED_FRAMES = 4


INTERVALS = {"digits_ternary_residual": 5000, "vowels_ternary_cnn": 5000}
"""Cycles a frame where 2,500 would make a larger design than is worth simulating."""

DESIGNS = [(name, "ecp5-85k", INTERVALS.get(name, 2500)) for name in zoo.names()]
"""On ECP5 the planner takes the select-and-add engine; the table engine is that of Xilinx."""

DESIGNS.append(("shuttle_anomaly_mlp", "xck26", 60))

STREAMING = (
    "fashion_ternary_cnn",
    "digits_ternary_residual",
    "digits_int4_separable",
    "vowels_ternary_cnn",
)
"""Networks whose interval is held to their slowest layer's ideal."""


def slowest_ideal(design: Design) -> float:
    """Cycles of a frame in the slowest layer if each of its lanes had a product in each cycle.

    Layers of groups are left out, having no folding: they follow the pace of the others."""
    foldings = read_foldings(design.directory / "folding.json")
    ideals = []
    for layer in design.graph.ops:
        if isinstance(layer, MatMul):
            folding = foldings[layer.name]
            assert isinstance(folding, SelectFolding)
            products = layer.weights.size * layer.planes * design.graph.types[layer.name].vectors
            ideals.append(products / (folding.block_inputs * folding.queries))
    return max(ideals)


@pytest.mark.parametrize(("name", "target", "interval"), DESIGNS)
def test_every_word_and_every_cycle(name: str, target: str, interval: int, tmp_path: Path) -> None:
    graph = load_model(name)
    design = sterna.build(graph, target, tmp_path / "design", interval=interval)
    if target == "xck26":
        foldings = read_foldings(design.directory / "folding.json").values()
        tables = [folding for folding in foldings if isinstance(folding, TableFolding)]
        assert len(tables) == len(foldings)
        assert max(folding.queries for folding in tables) > 1
    codes, _ = chosen_inputs(design.graph, FRAMES, 0, design.record["model"])
    expected = design.expected(codes)
    stalled = [profile for profile in PROFILES if profile != "none"]
    results = []
    for profiles, count in ((["none"], FRAMES), (stalled, STALLED_FRAMES)):
        some, words = codes[:count], expected[:count]
        results += simulate_profiles(
            design.directory, some, words, profiles, seed=1, checkpoints=design.checkpoints
        )
        assert all(result.words == words.size for result in results[-len(profiles) :])
    assert {result.profile for result in results} == set(PROFILES)
    for result in results:
        assert (result.mismatches, result.problems) == (0, []), result.profile
    free = results[0]
    assert (free.latency, free.interval) == (
        design.record["cycles"]["latency"],
        design.record["cycles"]["interval"],
    )
    if name in STREAMING:
        assert slowest_ideal(design) <= free.interval <= 1.05 * slowest_ideal(design)


@pytest.mark.parametrize("name", zoo.names())
def test_golden_accuracy_is_that_of_the_card(name: str) -> None:
    """Thresholds are exact, so the committed samples give the accuracy that Brevitas measured."""
    samples, labels = zoo.test_set(name)
    graph = load_model(name)
    found = graph.run(samples).reshape(len(samples), -1).argmax(axis=1)
    card = zoo.card(name)
    accuracy = card.accuracy
    assert np.mean(found == labels) == pytest.approx(card.committed_accuracy, abs=1e-12)
    assert accuracy["golden"] == accuracy["quantized"]


def test_design_folder_knows_its_network(tmp_path: Path) -> None:
    graph = load_model("digits_ternary_mlp")
    design = sterna.build(graph, "ecp5-85k", tmp_path / "design", interval=2500, top_k=1)
    samples, labels = zoo.test_set("digits_ternary_mlp")
    codes, chosen = chosen_inputs(design.graph, 50, 0, design.record["model"])
    pairs = Design(design.directory).expected(codes)
    assert chosen is not None
    assert np.array_equal(chosen, labels[:50])
    assert np.mean(pairs[:, 0] == chosen) > 0.9
    assert samples[:50].size == codes.size
