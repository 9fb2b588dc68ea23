"""The regression of whole accelerators: exact where the design is, and precise where it is not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from sterna_hw.accelerator import RESET_CYCLES
from sterna_sim.design_bench import simulate, simulate_profiles
from sterna_sim.simulation_result import SimulationResult
from sterna_sim.stalls import PROFILES

from .regroup_design import build, predicted_ends, random_frames

FRAMES = random_frames(12, 1)


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("regroup"))


@pytest.fixture(scope="module")
def results(design: Path) -> dict[str, SimulationResult]:
    results = simulate_profiles(design, FRAMES, FRAMES, list(PROFILES), seed=2)
    return {result.profile: result for result in results}


@pytest.mark.parametrize("profile", PROFILES)
def test_exact_under_every_profile(results: dict[str, SimulationResult], profile: str) -> None:
    result = results[profile]
    assert (result.words, result.mismatches, result.problems) == (120, 0, [])
    assert result.exact
    assert result.mismatch is None


def test_every_frame_ends_in_the_predicted_cycle(results: dict[str, SimulationResult]) -> None:
    begin, ends = predicted_ends(len(FRAMES))
    assert results["none"].input_cycles[0] == begin + RESET_CYCLES
    assert results["none"].frame_ends == [end + RESET_CYCLES for end in ends]
    assert results["none"].cycle_difference == 0


def test_stalls_do_stall(results: dict[str, SimulationResult]) -> None:
    assert results["one_in_eight"].cycles > 4 * results["none"].cycles
    assert results["one_in_eight"].cycle_difference is None


def test_registers_are_read(results: dict[str, SimulationResult]) -> None:
    registers = results["bursts"].registers
    assert registers["build_hash"] == 0x1234ABCD
    assert registers["frames_in"] == registers["frames_out"] == len(FRAMES)
    assert registers["error"] == 0


def test_results_are_written(design: Path, results: dict[str, SimulationResult]) -> None:
    written = json.loads((design / "sim" / "none.json").read_text())
    assert written["exact"] and written["words"] == 120 and written["cycle_difference"] == 0
    assert written["latency"] == written["predicted_latency"] == results["none"].latency


def test_progress_ends_at_the_total(design: Path) -> None:
    told: list[tuple[int, int]] = []
    simulate(design, FRAMES, FRAMES, progress=lambda *numbers: told.append(numbers))
    assert told[-1] == (12, 12)


@pytest.mark.parametrize("reset_at", [0, 3, 17])
def test_reset_in_mid_frame(
    design: Path, results: dict[str, SimulationResult], reset_at: int
) -> None:
    result = simulate(design, FRAMES, FRAMES, reset_at=reset_at)
    assert result.exact
    assert result.frame_ends == results["none"].frame_ends


def test_wrong_expectation_is_a_mismatch_of_the_output(design: Path) -> None:
    expected = FRAMES.copy()
    expected[7, 3] += 1 if expected[7, 3] < 7 else -1
    result = simulate(design, FRAMES, expected, "bursts")
    assert result.mismatches == 1 and not result.exact
    assert result.mismatch is not None
    place = (result.mismatch.layer, result.mismatch.frame, result.mismatch.element)
    assert place == (None, 7, 3)
    assert (result.mismatch.got, result.mismatch.expected) == (FRAMES[7, 3], expected[7, 3])


def test_fault_in_the_second_stage_is_found_there(design: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(design, broken, ignore=shutil.ignore_patterns("sim"))
    # The sign of the upper element of each beat into the second stage is lost.
    second = (broken / "regroup__second.v").read_text()
    assert "i__payload[7:4]" in second
    cut = second.replace("i__payload[7:4]", "(i__payload[7:4] & 4'h7)")
    (broken / "regroup__second.v").write_text(cut)
    frame, pair = next(
        (frame, pair) for frame in range(12) for pair in range(5) if FRAMES[frame, 2 * pair + 1] < 0
    )
    golden = {"first": FRAMES, "second": FRAMES}
    result = simulate(broken, FRAMES, FRAMES, "seven_in_eight", checkpoints=lambda _: golden)
    assert result.mismatches == np.sum(FRAMES[:, 1::2] < 0)
    found = result.mismatch
    assert found is not None
    assert (found.layer, found.instance) == ("second", "second")
    assert (found.frame, found.element) == (frame, 2 * pair + 1)
    assert found.expected == FRAMES[frame, 2 * pair + 1] and found.got == found.expected + 8
    assert "first difference in layer second (second), frame" in str(found)
    assert found.waveform is not None and "$enddefinitions" in found.waveform.read_text()


def test_hanging_design_ends_and_says_so(design: Path, tmp_path: Path) -> None:
    hanging = tmp_path / "hanging"
    shutil.copytree(design, hanging, ignore=shutil.ignore_patterns("sim"))
    top = (hanging / "regroup.v").read_text()
    pin = r"(regroup__second\s+second \(.*?\.i__valid\()[^)]*\)"
    cut, count = re.subn(pin, r"\g<1>1'h0)", top, flags=re.S)
    assert count == 1
    (hanging / "regroup.v").write_text(cut)
    golden = {"first": FRAMES, "second": FRAMES}
    result = simulate(hanging, FRAMES, FRAMES, checkpoints=golden)
    assert result.mismatches == 120
    assert any("0 of 12 frames came out" in problem for problem in result.problems)
    assert result.mismatch is not None and result.mismatch.layer == "second"
    assert result.mismatch.got is None


def test_refusals(design: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Folder must be a build with design.json, not"):
        simulate(tmp_path, FRAMES, FRAMES)
    with pytest.raises(ValueError, match="Stall profile must be one of none, .*, not 'often'"):
        simulate(design, FRAMES, FRAMES, "often")
    with pytest.raises(ValueError, match="must be equally many, at least one, not 12 and 11"):
        simulate(design, FRAMES, FRAMES[:11])
    with pytest.raises(ValueError, match=r"Frames must have shape \(frames, 10\), not \(12, 9\)"):
        simulate(design, FRAMES[:, :9], FRAMES)
    with pytest.raises(ValueError, match=r"Elements of frames must be within \[-8, 7\], not"):
        simulate(design, FRAMES * 2, FRAMES)
    with pytest.raises(ValueError, match="Frames must hold integers, not float64"):
        simulate(design, FRAMES * 1.0, FRAMES)
    (tmp_path / "design.json").write_text('{"version": 1}')
    with pytest.raises(ValueError, match="must be whole, but lacks 'name'"):
        simulate(tmp_path, FRAMES, FRAMES)
