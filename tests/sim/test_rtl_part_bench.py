"""The Verilator bench: equal to the Amaranth bench on good parts, and able to see faults."""

from __future__ import annotations

import pytest

from sterna_sim.part_bench import run_part
from sterna_sim.part_run import BenchError
from sterna_sim.rtl_part_bench import RtlPartBench, RunSettings, Stimulus
from sterna_sim.stalls import PROFILES

from .dummy_parts import AddOne

BEATS = list(range(40))
FAULTS = ("drops_valid", "changes", "extra", "no_reset", "uses_junk")
PARTS = {"good": AddOne, "wide": lambda: AddOne(70)}


@pytest.fixture(scope="module")
def bench() -> RtlPartBench:
    faulty = {fault: AddOne(fault=fault) for fault in FAULTS}
    return RtlPartBench({"good": AddOne(), "wide": AddOne(70), **faulty})


def stimuli(names: list[str]) -> dict[str, Stimulus]:
    return {name: Stimulus({"i": BEATS}, {"o": 40}) for name in names}


@pytest.fixture(scope="module")
def settings() -> list[RunSettings]:
    plain = [RunSettings(profile, seed) for profile in PROFILES for seed in (0, 1)]
    return plain + [
        RunSettings(profile, 2, reset_at) for profile in PROFILES for reset_at in (0, 9)
    ]


@pytest.fixture(scope="module")
def runs(bench: RtlPartBench, settings: list[RunSettings]) -> list:
    return bench.run(stimuli(["good", "wide", *FAULTS]), settings, check=False)


@pytest.mark.parametrize("name", PARTS)
def test_same_as_in_amaranth(name: str, settings: list[RunSettings], runs: list) -> None:
    for setting, run in zip(settings, runs, strict=True):
        simulated = run_part(
            PARTS[name](),
            {"i": BEATS},
            {"o": 40},
            setting.profile,
            setting.seed,
            reset_at=setting.reset_at,
        )
        assert run[name] == simulated, setting


def test_faults_are_named(runs: list) -> None:
    texts = {fault: " ".join(t for run in runs for t in run[fault].violations) for fault in FAULTS}
    assert "o took back a beat before it was taken" in texts["drops_valid"]
    assert "o changed its beat from" in texts["changes"]
    assert "o gave beat 0x28 that nobody expected" in texts["extra"]


def test_state_that_survives_reset_shows(settings: list[RunSettings], runs: list) -> None:
    payloads = [run["no_reset"].payloads() for s, run in zip(settings, runs) if s.reset_at == 9]
    assert any(values != [beat + 1 for beat in BEATS] for values in payloads)


def test_junk_shows(settings: list[RunSettings], runs: list) -> None:
    pairs = zip(settings, runs)
    payloads = [tuple(run["uses_junk"].payloads()) for s, run in pairs if s.profile == "bursts"]
    assert len(set(payloads)) > 1


def test_broken_rule_raises(bench: RtlPartBench) -> None:
    wanted = {name: Stimulus({}, {}) for name in ["good", "wide", *FAULTS]}
    wanted |= stimuli(["changes"])
    with pytest.raises(BenchError, match="changes: Cycle .* o changed its beat"):
        bench.run(wanted, [RunSettings("one_in_eight")])


def test_missing_beats_are_named(bench: RtlPartBench) -> None:
    wanted = stimuli(["good", "wide", *FAULTS])
    wanted["good"] = Stimulus({"i": BEATS}, {"o": 41})
    wanted = {name: wanted[name] if name == "good" else Stimulus({}, {}) for name in wanted}
    with pytest.raises(BenchError, match="good: Not done after 300 cycles .*: o gave 40 of 41"):
        bench.run(wanted, [RunSettings(max_cycles=300)])
