"""Bursts: whole transfers, no burst too long or across 4 KB, cycles as stated."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Value

from sterna_hw.memory_port.bursts import BurstSplitterConfig
from sterna_sim.part_bench import run_part
from sterna_sim.stalls import PROFILES


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed{seed}")
def test_bursts_cover_the_transfer_and_keep_the_rules(seed: int) -> None:
    generator = random.Random(seed)
    most = generator.choice([2, 8, 64, 256])
    config = BurstSplitterConfig(32, 12, most)
    address, words = 16 * generator.randrange(10000), generator.randrange(1, 2000)
    expected = address
    bursts = list(config.split(address, words))
    for start, beats in bursts:
        assert start == expected
        assert 1 <= beats <= most
        assert start // 4096 == (start + 16 * beats - 1) // 4096
        expected = start + 16 * beats
    assert expected == address + 16 * words
    # No more bursts than a first and a last one beside the full ones.
    assert len(bursts) <= words // most + 2


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_hardware_splits_alike(seed: int) -> None:
    generator = random.Random(seed)
    config = BurstSplitterConfig(20, 9, generator.choice([2, 16, 64]), ports=3)
    part = config.create()
    command, burst = config.command, config.burst
    commands = [
        (16 * generator.randrange(1000), generator.randrange(1, 200), generator.randrange(3))
        for _ in range(6)
    ]
    payloads = [
        command.const({"address": a, "words": w, "port": p}).as_value().value
        for a, w, p in commands
    ]
    expected = []
    for address, words, port in commands:
        split = list(config.split(address, words))
        for number, (start, beats) in enumerate(split):
            last = int(number == len(split) - 1)
            fields = {"address": start, "length": beats - 1, "last": last, "port": port}
            expected.append(burst.const(fields).as_value().value)
    assert len(Value.cast(part.o.payload)) == burst.size
    profile = list(PROFILES)[seed % len(PROFILES)]
    run = run_part(part, {"i": payloads}, {"o": len(expected)}, profile, seed)
    assert run.payloads() == expected
    if profile == "none":
        cycles, cycle = [], 0
        for address, words, _ in commands:
            for _ in config.split(address, words):
                cycle += 2
                cycles.append(cycle)
            cycle += 1
        assert run.cycles("o") == cycles
