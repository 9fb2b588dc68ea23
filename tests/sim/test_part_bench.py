"""The Amaranth bench: right about a good part, and able to see every kind of fault."""

from __future__ import annotations

import pytest

from sterna_sim.part_bench import run_part
from sterna_sim.part_run import BenchError
from sterna_sim.stalls import PROFILES

from .dummy_parts import AddOne

BEATS = list(range(40))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
def test_good_part_gives_the_same_data_under_every_profile(profile: str, seed: int) -> None:
    run = run_part(AddOne(), {"i": BEATS}, {"o": 40}, profile, seed)
    assert run.payloads() == [beat + 1 for beat in BEATS]
    assert run.violations == []


def test_cycles_count_from_the_first_without_reset() -> None:
    run = run_part(AddOne(), {"i": BEATS}, {"o": 40})
    assert run.cycles("i") == list(range(40))
    assert run.cycles("o") == list(range(1, 41))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("reset_at", [0, 1, 7, 33])
def test_reset_in_mid_work_starts_over(profile: str, reset_at: int) -> None:
    fresh = run_part(AddOne(), {"i": BEATS}, {"o": 40}, profile, 1)
    again = run_part(AddOne(), {"i": BEATS}, {"o": 40}, profile, 1, reset_at=reset_at)
    assert again == fresh


@pytest.mark.parametrize(
    ("fault", "profile", "message"),
    [
        ("drops_valid", "bursts", "o took back a beat before it was taken"),
        ("changes", "one_in_eight", "o changed its beat from"),
        ("comb_valid", "one_in_eight", "i moves o.valid within the cycle by its valid"),
        ("comb_ready", "long_freeze", "o moves i.ready within the cycle by its ready"),
        ("extra", "none", "gave beat 0x28 that nobody expected"),
        ("waits_for_ready", "ready_only_when_valid", "Not done after 2000 cycles: o gave 0 of 40"),
    ],
)
def test_fault_is_named(fault: str, profile: str, message: str) -> None:
    with pytest.raises(BenchError) as error:
        run_part(AddOne(fault=fault), {"i": BEATS}, {"o": 40}, profile, max_cycles=2000)
    assert message in str(error.value)


def test_state_that_survives_reset_shows() -> None:
    part = AddOne(fault="no_reset")
    run = run_part(part, {"i": BEATS}, {"o": 40}, "bursts", reset_at=9, check=False)
    assert run.payloads() != [beat + 1 for beat in BEATS]


def test_junk_on_an_idle_input_shows_in_a_part_that_uses_it() -> None:
    runs = [
        run_part(AddOne(fault="uses_junk"), {"i": BEATS}, {"o": 40}, "alternate", seed).payloads()
        for seed in range(4)
    ]
    assert runs[0] != runs[1] or runs[1] != runs[2]


def test_violations_can_be_collected() -> None:
    run = run_part(AddOne(fault="drops_valid"), {"i": BEATS}, {"o": 40}, "bursts", check=False)
    assert len(run.violations) > 1
