"""Whole accelerators with weights in external memory in Verilator, behind the simulated DRAM."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sterna
from sterna.design import Design
from sterna.folding import Folding, MacFolding, SelectFolding, TableFolding
from sterna.weights import weight_buffer
from sterna_hw.base import IntegerRange, find_device
from sterna_hw.verilog import emit
from sterna_hw.weight_stream import WeightStreamConfig
from sterna_sim.design_bench import simulate, simulate_profiles
from sterna_sim.lint import lint

from ..sw.graphs import matmul_of, mlp, random_codes, random_images

# Of the first layer memory gives a row only every other cycle.
FOLDINGS: dict[str, Folding] = {
    "conv0": SelectFolding(18, 4, external=True),
    "conv1": MacFolding(2, 1, 18, external=True),
    "last": TableFolding(2, 3, 2, sign_fold=False, buffers=2, external=True),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: Any) -> tuple[Design, np.ndarray]:
    graph = random_images(4)
    out = tmp_path_factory.mktemp("streamed") / "build"
    design = sterna.build(graph, "ecp5-25k", out, foldings=FOLDINGS)
    return design, random_codes(4, graph, 6).reshape(6, -1)


def test_exact_and_in_the_predicted_cycles(built: tuple[Design, np.ndarray]) -> None:
    """Steady memory without stalls; under stalls memory is unsteady too."""
    design, codes = built
    assert design.record["memory"]["ports"][0]["row_width"] > 128
    profiles = ["bursts", "none", "ready_only_when_valid"]
    results = simulate_profiles(design.directory, codes, design.expected(codes), profiles, 3)
    assert [result.profile for result in results] == profiles
    for result in results:
        assert (result.mismatches, result.problems) == (0, [])
    assert results[1].cycle_difference == 0


def test_after_a_reset_the_weights_are_asked_for_again(built: tuple[Design, np.ndarray]) -> None:
    design, codes = built
    expected = design.expected(codes)
    for profile in ("none", "alternate"):
        result = simulate(design.directory, codes, expected, profile, 1, reset_at=300)
        assert (result.mismatches, result.problems) == (0, [])


def test_a_changed_image_is_refused(built: tuple[Design, np.ndarray], tmp_path: Path) -> None:
    design, codes = built
    broken = tmp_path / "broken"
    shutil.copytree(design.directory, broken, ignore=shutil.ignore_patterns("sim"))
    image = bytearray((broken / "weights.bin").read_bytes())
    image[-1] ^= 1
    (broken / "weights.bin").write_bytes(image)
    with pytest.raises(ValueError, match="weights.bin must be as it was built"):
        simulate(broken, codes, design.expected(codes))


def test_a_layer_larger_than_all_memories_of_the_device(tmp_path: Path) -> None:
    """1024 x 1024 ternary weights, 2.1 Mbit, on a device with 1.03 Mbit of block memory: the port
    gives a row of 64 weights a cycle, so a frame takes 16,384 cycles and no more."""
    device = find_device("ecp5-25k")
    graph = mlp(1024, 1024, 6)
    folding = SelectFolding(64, 1, external=True)
    engine = folding.engine_config(matmul_of(graph, "fc0"), graph.types["x"].range, None)
    kept = weight_buffer("weights", engine, None, device, False)
    assert kept.cost(device).bram > device.total("bram")
    foldings = {"fc0": folding, "fc1": SelectFolding(1, 6)}
    design = sterna.build(graph, "ecp5-25k", tmp_path / "build", foldings=foldings, queues={})
    assert design.record["cycles"]["interval"] == 16384
    codes = random_codes(1, graph, 2)
    results = simulate_profiles(
        design.directory, codes, design.expected(codes), ["none", "alternate"], 1
    )
    for result in results:
        assert (result.mismatches, result.problems) == (0, [])
    assert results[0].cycle_difference == 0


@pytest.mark.parametrize(("count", "rows"), [(3, 9), (32, 4), (64, 700)])
def test_verilator_has_nothing_to_say(count: int, rows: int) -> None:
    config = WeightStreamConfig("rows", rows, IntegerRange(0, 26), count)
    assert [str(message) for message in lint(emit(config.create(), "top"), "top")] == []
