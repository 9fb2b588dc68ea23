"""The memory: rows read back after the stated latency, reload, packing, errors."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from sterna_hw.base import find_device
from sterna_hw.memory import MemoryConfig, pack_words


def read_back(config: MemoryConfig, addresses: list[int], load: dict[int, int]) -> list[int]:
    """Loads some rows, then reads one address a cycle."""
    memory, seen = config.create(), []

    async def bench(ctx: Any) -> None:
        for address, row in load.items():
            ctx.set(memory.load.enable, 1)
            ctx.set(memory.load.address, address)
            ctx.set(memory.load.data, row)
            await ctx.tick()
            ctx.set(memory.load.enable, 0)
        for address in addresses + [0] * config.read_latency:
            ctx.set(memory.address, address)
            seen.append(ctx.get(memory.data))
            await ctx.tick()

    simulator = Simulator(memory)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen[config.read_latency :]


@pytest.mark.parametrize("latency", [1, 2])
@pytest.mark.parametrize("style", ["block", "distributed"])
@pytest.mark.parametrize(("depth", "width"), [(1, 1), (2, 3), (5, 70), (16, 8)])
def test_reads_its_contents(depth: int, width: int, style: Any, latency: int) -> None:
    rows = [random.Random(depth).getrandbits(width) for _ in range(depth)]
    config = MemoryConfig("rows", depth, width, rows, style, read_latency=latency)
    addresses = [random.Random(width).randrange(depth) for _ in range(20)]
    assert read_back(config, addresses, {}) == [rows[address] for address in addresses]
    assert config.compute(np.array(addresses)) == [rows[address] for address in addresses]


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_reads_what_was_loaded(seed: int) -> None:
    generator = random.Random(seed)
    depth, width = generator.randrange(1, 20), generator.randrange(1, 40)
    rows = [generator.getrandbits(width) for _ in range(depth)]
    load = {address: generator.getrandbits(width) for address in range(0, depth, 2)}
    config = MemoryConfig("rows", depth, width, rows, "distributed", reloadable=True)
    expected = [load.get(address, row) for address, row in enumerate(rows)]
    assert read_back(config, list(range(depth)), load) == expected


def test_memory_without_contents_is_loaded() -> None:
    config = MemoryConfig("rows", 3, 4, None, "ultra", reloadable=True)
    assert read_back(config, [0, 1, 2], {0: 5, 1: 9, 2: 15}) == [5, 9, 15]


def test_words_hold_element_0_in_the_low_bits() -> None:
    assert pack_words(np.array([[1, -1, 3], [0, -4, 0]]), 3) == (0b011_111_001, 0b000_100_000)


FIELDS = {"name": "rows", "depth": 2, "width": 3, "init": [1, 2]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a b"}, "Name of a memory must be an identifier, not 'a b'"),
        ({"depth": 0}, "Depth of memory rows must be 1 or more, not 0"),
        ({"width": 0}, "Width of memory rows must be 1 or more, not 0"),
        ({"style": "x"}, "Style of memory rows must be block, distributed or ultra, not 'x'"),
        ({"read_latency": 3}, "Read latency of memory rows must be 1 or 2, not 3"),
        ({"init": None}, "Memory rows must have contents or be reloadable"),
        ({"style": "ultra"}, "Memory rows must have no contents to be of style ultra"),
        ({"init": [1]}, "Contents of memory rows must be 2 rows, not 1"),
        ({"init": [1, 8]}, "Rows of memory rows must be 3-bit numbers, not 8"),
        ({"init": [1, -1]}, "Rows of memory rows must be 3-bit numbers, not -1"),
    ],
)
def test_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        MemoryConfig(**{**FIELDS, **change})
    assert str(error.value) == message


# Counted by Yosys 0.70 (`synth_ecp5`, `synth_xilinx -family xcup`) from the emitted Verilog.
@pytest.mark.parametrize(
    ("target", "fields", "counts"),
    [
        ("ecp5-85k", (512, 36, "block", True, 2), {"bram": 1, "ff": 36}),
        ("ecp5-85k", (300, 100, "block", False, 2), {"bram": 3, "ff": 100}),
        ("ecp5-85k", (64, 20, "distributed", False, 1), {"lut": 80, "ff": 20}),
        ("ecp5-85k", (16, 20, "distributed", True, 2), {"lut": 30, "ff": 40}),
        ("xck26", (1024, 32, "block", True, 2), {"bram": 1, "ff": 32}),
        ("xck26", (64, 20, "distributed", False, 1), {"lut": 20, "ff": 20}),
    ],
)
def test_cost_is_what_synthesis_counts(target: str, fields: tuple, counts: dict) -> None:
    depth, width, style, reloadable, latency = fields
    config = MemoryConfig("rows", depth, width, [0] * depth, style, reloadable, latency)
    cost = config.cost(find_device(target)).as_dict()
    assert {name: cost[name] for name in counts} == counts


def test_style_must_exist_on_the_device() -> None:
    config = MemoryConfig("rows", 2, 3, None, "ultra", reloadable=True)
    with pytest.raises(ValueError) as error:
        config.cost(find_device("ecp5-85k"))
    assert str(error.value) == "Style of memory rows must exist on ecp5-85k, not 'ultra'"
