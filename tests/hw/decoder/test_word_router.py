"""Words go to whom their transfer is for, whole and in order, whatever stalls."""

from __future__ import annotations

import random

import pytest

from sterna_hw.decoder.pass_layout import Route
from sterna_hw.decoder.word_router import WordRouterConfig
from sterna_sim.part_bench import run_part
from sterna_sim.stalls import PROFILES


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_transfers_reach_their_units(seed: int) -> None:
    choose = random.Random(seed)
    ports = 1 + seed % 4
    routes = [choose.choice(list(Route)) for _ in range(25)]
    words = []
    for _ in routes:
        length = choose.choice((1, 1, 2, 5))
        words += [(choose.getrandbits(128 * ports), place == length - 1) for place in range(length)]
    config = WordRouterConfig(ports)
    expected = config.compute([route.value for route in routes], words)
    last = 1 << 128 * ports
    run = run_part(
        config.create(),
        {
            "i": [word | (last if ends else 0) for word, ends in words],
            "route": [route.value for route in routes],
        },
        {route.name.lower(): len(expected[route]) for route in Route},
        list(PROFILES)[seed % len(PROFILES)],
        seed,
        check=False,  # words go straight through, so `ready` of the input is that of an output
    )
    for route in Route:
        found = [word & (last - 1) for word in run.payloads(route.name.lower())]
        assert found == expected[route]
