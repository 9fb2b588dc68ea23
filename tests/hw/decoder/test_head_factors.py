"""Sums of weights and the factors from them: exact, in order, when told."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.decoder.head_factors import HeadFactorsConfig
from sterna_sim.part_bench import run_part

from .cycle_bench import fields


@pytest.mark.parametrize("profile", ["none", "one_in_eight"])
@pytest.mark.parametrize(("ports", "heads"), [(1, 1), (2, 3), (3, 2), (4, 4)])
def test_passes(ports: int, heads: int, profile: str) -> None:
    rng = random.Random(ports + heads)
    slots = 3
    config = HeadFactorsConfig(ports, heads, ports * slots)
    weights = np.array(
        [
            [rng.choice([0, 65535, rng.randrange(65536)]) for _ in range(heads)]
            for _ in range(ports * slots)
        ]
    )
    weights[0] = 65535
    names = ("start", "valid", "weights", "is_first_slot", "is_last_slot")
    controls: dict[str, list[int]] = {name: [] for name in names}

    def cycle(**values: int) -> None:
        for name, row in controls.items():
            row.append(values.get(name, rng.getrandbits(16) if name == "weights" else 0))

    cycle(start=1)
    arrivals = []
    for slot in range(slots):
        for head in range(heads):
            here = weights[slot * ports : (slot + 1) * ports, head].tolist()
            flags = {"is_first_slot": int(slot == 0), "is_last_slot": int(slot == slots - 1)}
            arrivals.append(len(controls["valid"]))
            cycle(valid=1, weights=fields(here, 16), **flags)
            for _ in range(rng.choice([0, 1, 20]) if heads > 2 else 3):
                cycle(is_first_slot=1, is_last_slot=1)
    cycle()
    done = run_part(config.create(), {}, {"o": heads}, profile, heads, controls=controls)
    factors, are_large = config.compute(weights)
    told = [int(f) | int(flag) << 24 for f, flag in zip(factors, are_large)]
    assert done.payloads("o") == told
    if profile == "none":
        assert done.cycles("o") == config.factor_cycles(arrivals[-heads:])
