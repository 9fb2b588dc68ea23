"""The regression can fail: a wrong number in any kind of memory is caught and named, and so is a
comparison turned round in the layers that have none."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import sterna
from sterna import ir
from sterna.design import Design
from sterna.folding import SelectFolding, TableFolding
from sterna.reload import reload_rows
from sterna_hw.base import TERNARY, IntegerRange, WindowAxis
from sterna_sim.design_bench import simulate, simulate_profiles
from sterna_sim.simulation_result import SimulationResult

from ..sw.graphs import random_chain, random_codes
from ..sw.test_reload import other_weights

FRAMES = 12
SEED = 21


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """Three layers on both engines, thresholds between them, scaled logits at the end."""
    graph = random_chain(SEED, largest=9)
    foldings = {
        "fc0": TableFolding(1, 2, 2, False, 1),
        "fc1": SelectFolding(1, 1),
        "fc2": TableFolding(1, 1, 1),
    }
    out = tmp_path_factory.mktemp("faults") / "design"
    return sterna.build(graph, "ecp5-25k", out, foldings=foldings, reloadable=True)


def run(folder: Path, design: Design) -> SimulationResult:
    codes = random_codes(1, design.graph, FRAMES).reshape(FRAMES, -1)
    return simulate(folder, codes, design.expected(codes), checkpoints=design.checkpoints, seed=1)


def test_the_sound_design_passes(design: Design) -> None:
    result = run(design.directory, design)
    assert (result.mismatches, result.problems, result.mismatch) == (0, [], None)


@pytest.mark.parametrize("layer", ["fc0", "act0", "fc1", "act1", "fc2", "logits"])
def test_a_planted_fault_is_caught_in_its_layer(design: Design, tmp_path: Path, layer: str) -> None:
    """Bits are turned over in one memory of the layer until the golden model would tell."""
    folder = tmp_path / "faulty"
    shutil.copytree(design.directory, folder, ignore=shutil.ignore_patterns("sim"))
    files = sorted(path for path in folder.glob("*.hex") if path.stem.startswith(layer))
    assert files, f"no memory of {layer} among {sorted(p.name for p in folder.glob('*.hex'))}"
    for path in files:
        rows = path.read_text().split()
        digits = len(rows[0])
        turned = [f"{int(row, 16) ^ 1:0{digits}x}" for row in rows]
        path.write_text("\n".join(turned) + "\n")
    result = run(folder, design)
    assert result.mismatches > 0 or result.mismatch is not None
    assert result.mismatch is not None
    assert result.mismatch.layer == layer


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """Layers without a memory: the largest of four pixels, and the two best of five sums."""
    weights = np.random.default_rng(1).choice([-1, 0, 1], (5, 8))
    halves = WindowAxis(4, 2, 2)
    ops = (
        ir.Input("x", (), ir.TensorType((4, 4, 2), IntegerRange(-4, 3))),
        ir.Window("taps", ("x",), halves, halves),
        ir.Pool("pool", ("taps",), "max", 4),
        ir.Reshape("flat", ("pool",), (8,)),
        ir.MatMul("fc", ("flat",), weights, TERNARY, 1),
        ir.TopK("best", ("fc",), 2),
    )
    graph = ir.Graph("label", ops, {"x": ir.InputEdge(0.5)}, {"best": ir.OutputEdge(1.0)})
    return sterna.build(graph, "ecp5-25k", tmp_path_factory.mktemp("labelled") / "design")


def test_the_sound_labelled_design_passes(labelled: Design) -> None:
    result = run(labelled.directory, labelled)
    assert (result.mismatches, result.problems, result.cycle_difference) == (0, [], 0)


COMPARED = re.compile(r"(\$signed\([^()]*\)) ([->]) (\$signed\([^()]*\))")
"""Two signed values, compared or subtracted for the sign of their difference."""


@pytest.mark.parametrize("layer", ["pool", "best"])
def test_a_comparison_the_wrong_way_round_is_caught_in_its_layer(
    labelled: Design, tmp_path: Path, layer: str
) -> None:
    folder = tmp_path / "faulty"
    shutil.copytree(labelled.directory, folder, ignore=shutil.ignore_patterns("sim"))
    path = folder / f"label__{layer}.v"
    text = path.read_text()
    turned = COMPARED.sub(r"\3 \2 \1", text, count=1)
    assert turned != text
    path.write_text(turned)
    result = run(folder, labelled)
    assert result.mismatches > 0 and result.mismatch is not None
    assert result.mismatch.layer == layer


def test_loaded_weights_take_effect_between_frames(design: Design) -> None:
    other = other_weights(random_chain(SEED, largest=9), 5)
    codes = random_codes(2, other, FRAMES)
    expected = other.run_integers(codes)
    before = design.expected(codes)
    assert not np.array_equal(expected, before)
    results = simulate_profiles(
        design.directory, codes, expected, ["none", "bursts"], 1, reload=reload_rows(design, other)
    )
    assert [(result.mismatches, result.problems) for result in results] == [(0, []), (0, [])]
