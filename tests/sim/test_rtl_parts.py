"""Every kind of part: compute = Amaranth = Verilator under all stall profiles, cycles as promised.

All parts are compiled into one model and run at once; each run is then compared with the Amaranth
simulation of the same part, stalls and seed, transfer by transfer.
"""

from __future__ import annotations

import pytest

from sterna_hw.verilog import emit
from sterna_sim.lint import lint
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import PartRun
from sterna_sim.rtl_part_bench import RtlPartBench, RunSettings
from sterna_sim.stalls import PROFILES

from .part_cases import CASES, Case

SETTINGS = [
    *(RunSettings(profile, seed) for profile in PROFILES for seed in (0, 1)),
    *(RunSettings(profile, 2, reset_at=11) for profile in PROFILES),
]
NUMBERS = {setting: number for number, setting in enumerate(SETTINGS)}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {name: make() for name, make in CASES.items()}


@pytest.fixture(scope="module")
def runs(cases: dict[str, Case]) -> list[dict[str, PartRun]]:
    bench = RtlPartBench({name: case.create() for name, case in cases.items()})
    return bench.run({name: case.stimulus for name, case in cases.items()}, SETTINGS)


@pytest.mark.parametrize("name", CASES)
def test_verilog_gives_what_compute_says(
    name: str, cases: dict[str, Case], runs: list[dict[str, PartRun]]
) -> None:
    for setting, run in zip(SETTINGS, runs, strict=True):
        for port, payloads in cases[name].expected.items():
            assert run[name].payloads(port) == payloads, (setting, port)


@pytest.mark.parametrize("name", CASES)
def test_unstalled_cycles_are_those_of_the_timing(
    name: str, cases: dict[str, Case], runs: list[dict[str, PartRun]]
) -> None:
    for setting in SETTINGS:
        if setting.profile == "none":
            run = runs[NUMBERS[setting]][name]
            for port in (*run.outputs, *run.taken):
                assert run.cycles(port) == cases[name].cycles[port], port


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", CASES)
def test_same_transfers_in_amaranth(
    name: str, profile: str, cases: dict[str, Case], runs: list[dict[str, PartRun]]
) -> None:
    case = cases[name]
    for setting in SETTINGS:
        if setting.profile == profile and setting.seed != 1:
            simulated = run_part(
                case.create(),
                case.inputs,
                case.stimulus.outputs,
                profile,
                setting.seed,
                reset_at=setting.reset_at,
                linger_cycles=0 if case.endless else 12,
                controls=case.controls,
            )
            assert simulated == runs[NUMBERS[setting]][name]


@pytest.mark.parametrize("name", CASES)
def test_lint_is_clean(name: str, cases: dict[str, Case]) -> None:
    assert lint(emit(cases[name].create(), name), name) == []
