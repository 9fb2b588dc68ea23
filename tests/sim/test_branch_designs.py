"""Accelerators that branch, in Verilator: words, cycles, stalls, and depths of queues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sterna
from sterna.design import Design
from sterna.reload import reload_rows
from sterna_sim.design_bench import simulate, simulate_profiles
from sterna_sim.stalls import PROFILES

from ..sw.branch_graphs import random_branches
from ..sw.graphs import random_codes
from ..sw.test_reload import other_weights

IMAGES = 4

SEED = 21
"""A residual block behind a concatenation of three branches."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Design, np.ndarray]:
    graph = random_branches(SEED, images=True)
    folder: Path = tmp_path_factory.mktemp("branches") / "design"
    design = sterna.build(graph, "ecp5-25k", folder, interval=200, reloadable=True)
    return design, random_codes(SEED, graph, IMAGES).reshape(IMAGES, -1)


def test_words_and_cycles_under_every_profile(built: tuple[Design, np.ndarray]) -> None:
    design, codes = built
    results = simulate_profiles(
        design.directory, codes, design.expected(codes), list(PROFILES), 3, design.checkpoints
    )
    for result in results:
        assert result.problems == [] and result.mismatches == 0, result.profile
        if result.profile == "none":
            assert result.latency == result.predicted_latency
            assert result.interval == result.predicted_interval


def test_other_weights_reach_every_branch(built: tuple[Design, np.ndarray]) -> None:
    design, codes = built
    other = other_weights(random_branches(SEED, images=True), 1)
    expected = other.run_integers(codes).reshape(IMAGES, -1)
    assert (expected != design.expected(codes)).any()
    rows = reload_rows(design, other)
    result = simulate(design.directory, codes, expected, "bursts", 4, reload=rows)
    assert result.problems == [] and result.mismatches == 0
