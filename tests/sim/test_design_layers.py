"""Whole networks in Verilog: exact, in the predicted cycles, reloadable.

In each kind of layer, a planted fault is caught and named: stage, frame, channel.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.accelerator import RESET_CYCLES
from sterna_hw.verilog import emit
from sterna_sim.design_bench import simulate, simulate_profiles
from sterna_sim.design_description import describe
from sterna_sim.lint import lint
from sterna_sim.stalls import PROFILES

from ..hw.toy_network import CLIP, SHIFT, Parameters, Toy, random_parameters, random_toy

SEEDS = (3, 4, 5)  # raw sums, requantised, best element
FRAME_COUNT = 8


@dataclass
class Built:
    toy: Toy
    folder: Path
    frames: np.ndarray

    @property
    def expected(self) -> np.ndarray:
        return self.toy.compute(self.frames)

    def ends(self) -> list[int]:
        parts, links = self.toy.config.network()
        edge, exit_ = self.toy.config.input_edge, self.toy.config.output_edge
        beats = {("input_edge", "i"): edge.beats * FRAME_COUNT}
        transfers = simulate_network(Network(parts, links), beats).transfers
        return transfers["output_edge", "o"][exit_.beats - 1 :: exit_.beats].tolist()

    def stages(self, parameters: Parameters) -> dict[str, np.ndarray]:
        """What each stage gives, by plain numpy."""
        values, given = self.frames, {}
        for stage in self.toy.config.stages:
            kind, _, number = stage.name.partition("_")
            if kind == "layer":
                values = values @ parameters.weights[int(number)].T
            elif kind == "threshold":
                thresholds = parameters.thresholds[int(number)]
                values = (values[:, :, np.newaxis] >= thresholds[np.newaxis]).sum(axis=2)
            elif kind == "requantise":
                scaled = (values * parameters.multiplier + parameters.offset) >> SHIFT
                values = np.clip(scaled, CLIP.low, CLIP.high)
            elif kind == "best":
                values = np.stack([values.argmax(axis=1), values.max(axis=1)], axis=1)
            given[stage.name] = values
        return given


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed{seed}")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    toy = random_toy(request.param, reloadable=True)
    folder = tmp_path_factory.mktemp("toy")
    for name, text in emit(toy.config.create(), toy.config.name).items():
        (folder / name).write_text(text)
    frames = toy.random_frames(np.random.default_rng(request.param), FRAME_COUNT)
    made = Built(toy, folder, frames)
    ends = made.ends()
    describe(toy.config, ends[0], ends[-1] - ends[-2]).write(folder)
    return made


def test_exact_under_every_profile_and_in_the_predicted_cycles(built: Built) -> None:
    results = simulate_profiles(built.folder, built.frames, built.expected, list(PROFILES), 1)
    for result in results:
        assert result.exact, (result.profile, result.problems, result.mismatch)
    assert results[0].profile == "none"
    assert results[0].frame_ends == [RESET_CYCLES + end for end in built.ends()]
    assert results[0].cycle_difference == 0


def test_reset_in_mid_frame(built: Built) -> None:
    result = simulate(built.folder, built.frames, built.expected, "bursts", 2, reset_at=41)
    assert result.exact


def test_reloaded_parameters(built: Built) -> None:
    toy = built.toy
    levels = toy.activations.high
    other = random_parameters(np.random.default_rng(99), toy.sizes, toy.alphabet, levels)
    rows = {memory.number: toy.rows(memory.number, other) for memory in toy.config.memories()}
    expected = toy.compute(built.frames, other)
    assert (expected != built.expected).any()
    result = simulate(built.folder, built.frames, expected, "seven_in_eight", reload=rows)
    assert result.exact


def test_planted_faults_are_named(built: Built) -> None:
    toy = built.toy
    golden = built.stages(toy.parameters)
    planted = 0
    for memory in toy.config.memories():
        wrong = wrong_parameters(toy, memory.stage, built)
        if wrong is None:
            continue
        wrong_stages = built.stages(wrong)
        if (toy.compute(built.frames, wrong) == built.expected).all():
            continue  # a fault that no output shows is not there for a regression of outputs
        planted += 1
        rows = {memory.number: toy.rows(memory.number, wrong)}
        result = simulate(
            built.folder,
            built.frames,
            built.expected,
            "independent_ends",
            checkpoints=lambda frames: golden,
            reload=rows,
        )
        differs = wrong_stages[memory.stage] != golden[memory.stage]
        frame, element = np.argwhere(differs)[0].tolist()
        assert result.mismatches == (toy.compute(built.frames, wrong) != built.expected).sum()
        found = result.mismatch
        assert found is not None and not result.exact
        assert (found.layer, found.frame, found.element) == (memory.stage, frame, element)
        assert found.got == wrong_stages[memory.stage][frame, element]
        assert found.expected == golden[memory.stage][frame, element]
        assert found.cycle is not None and found.waveform is not None
    assert planted >= 2


def wrong_parameters(toy: Toy, stage: str, built: Built) -> Parameters | None:
    """The parameters with one number changed in one stage, such that its values change."""
    golden = built.stages(toy.parameters)[stage]
    generator = np.random.default_rng(7)
    for _ in range(200):
        wrong = deepcopy(toy.parameters)
        kind, _, number = stage.partition("_")
        if kind == "layer":
            weights = wrong.weights[int(number)]
            place = tuple(generator.integers(weights.shape))
            weights[place] = generator.choice(toy.alphabet.values)
        elif kind == "threshold":
            thresholds = wrong.thresholds[int(number)]
            row = generator.integers(len(thresholds))
            thresholds[row] = np.sort(thresholds[row] + generator.integers(-1, 2))
        else:
            places = generator.permutation(len(wrong.offset))[:2]
            wrong.offset[places] = wrong.offset[places[::-1]]
        changed = (built.stages(wrong)[stage] != golden).any()
        if changed and (toy.compute(built.frames, wrong) != built.expected).any():
            return wrong
    return None


def test_lint_is_clean(built: Built) -> None:
    sources = {path.name: path.read_text() for path in built.folder.glob("*.v")}
    assert lint(sources, "toy") == []
