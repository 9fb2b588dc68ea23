"""Whole accelerators for images in Verilator: words, cycles, stalls, and a planted error."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sterna
from sterna.design import Design
from sterna_sim.design_bench import simulate, simulate_profiles

from ..sw.graphs import image_operations, random_codes, random_images

PROFILES = ["none", "bursts", "one_in_eight", "ready_only_when_valid"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: Any) -> tuple[Design, np.ndarray]:
    graph = random_images(4)
    design = sterna.build(graph, "ecp5-25k", tmp_path_factory.mktemp("images") / "build")
    return design, random_codes(4, graph, 5).reshape(5, -1)


def test_exact_and_in_the_predicted_cycles(built: tuple[Design, np.ndarray]) -> None:
    design, codes = built
    results = simulate_profiles(design.directory, codes, design.expected(codes), PROFILES, 3)
    for result in results:
        assert (result.mismatches, result.problems) == (0, [])
    assert results[0].cycle_difference == 0


def test_a_wrong_weight_of_a_convolution_is_found(
    built: tuple[Design, np.ndarray], tmp_path: Path
) -> None:
    design, codes = built
    broken = tmp_path / "broken"
    shutil.copytree(design.directory, broken, ignore=shutil.ignore_patterns("sim"))
    (memory,) = broken.glob("*conv0_weights*.hex")
    rows = memory.read_text().split()
    memory.write_text("\n".join(f"{int(row, 16) ^ 1:0{len(row)}x}" for row in rows) + "\n")
    result = simulate(broken, codes, design.expected(codes), "none", 0, design.checkpoints)
    assert result.mismatch is not None and result.mismatch.layer == "conv0"
    values = design.graph.run_integers(codes.reshape(5, *design.graph.types["x"].shape), True)
    sample, element = result.mismatch.frame, result.mismatch.element
    assert values["conv0"][sample].ravel()[element] == result.mismatch.expected


def test_every_operation_on_images(tmp_path: Path) -> None:
    graph = image_operations(0)
    design = sterna.build(graph, "ecp5-25k", tmp_path / "build", interval=120)
    codes = random_codes(0, graph, 5).reshape(5, -1)
    profiles = ["none", "bursts", "ready_only_when_valid"]
    results = simulate_profiles(design.directory, codes, design.expected(codes), profiles, 3)
    for result in results:
        assert (result.mismatches, result.problems) == (0, [])
    assert results[0].cycle_difference == 0
