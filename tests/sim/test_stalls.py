"""Stall profiles: reproducible rows with the rates and the sharing that they promise."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice

import pytest

from sterna_sim.stalls import PROFILES, find_profile

EXPECTED_RATE = {
    "none": (1.0, 1.0),
    "bursts": (0.4, 0.6),
    "one_in_eight": (0.11, 0.14),
    "seven_in_eight": (0.86, 0.89),
    "alternate": (0.5, 0.5),
    "long_freeze": (0.4, 0.8),
    "ready_only_when_valid": (0.48, 0.52),
    "independent_ends": (0.4, 0.75),
}


def row(name: str, seed: int, end: str, port: str, cycles: int = 20000) -> list[bool]:
    profile = find_profile(name)
    return list(islice((profile.source if end == "source" else profile.sink)(seed, port), cycles))


def test_design_names_every_profile() -> None:
    assert list(PROFILES) == list(EXPECTED_RATE)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("end", ["source", "sink"])
def test_rate(name: str, end: str) -> None:
    cycles = row(name, 3, end, "i")
    low, high = EXPECTED_RATE[name]
    assert low <= sum(cycles) / len(cycles) <= high


@pytest.mark.parametrize("name", PROFILES)
def test_same_seed_same_row(name: str) -> None:
    assert row(name, 5, "sink", "o", 500) == row(name, 5, "sink", "o", 500)


@pytest.mark.parametrize("name", sorted(set(PROFILES) - {"none", "alternate"}))
def test_other_seed_other_row(name: str) -> None:
    assert row(name, 5, "sink", "o", 900) != row(name, 6, "sink", "o", 900)


def test_alternate_ends_meet_in_phase_and_out_of_phase() -> None:
    phases = {
        row("alternate", seed, "source", "i", 2) == row("alternate", seed, "sink", "o", 2)
        for seed in range(16)
    }
    assert phases == {True, False}


def test_independent_ends_share_nothing() -> None:
    rows = [
        tuple(row("independent_ends", 0, end, port, 400))
        for end, port in [("source", "i"), ("source", "weights"), ("sink", "o")]
    ]
    assert len(set(rows)) == 3


def test_long_freeze_never_freezes_both_ends() -> None:
    pairs = zip(row("long_freeze", 1, "source", "i"), row("long_freeze", 1, "sink", "o"))
    assert set(pairs) == {(True, True), (True, False), (False, True)}


def test_rows_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from itertools import islice; from sterna_sim.stalls import PROFILES; "
        "print([list(islice(p.sink(7, 'o'), 200)) for p in PROFILES.values()])"
    )
    path = ":".join(sys.path)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": path, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="Stall profile must be one of none, .*, not 'often'"):
        find_profile("often")
