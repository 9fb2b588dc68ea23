"""The banked memory: every row through every bank, reload, names of files, errors, cost."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna_hw.banked_memory import BankedMemoryConfig
from sterna_hw.base import find_device
from sterna_hw.memory import MemoryConfig
from sterna_hw.verilog import emit

from .test_memory import read_back


@pytest.mark.parametrize("latency", [1, 2])
@pytest.mark.parametrize(("depth", "bank_depth"), [(2, 1), (5, 1), (5, 2), (9, 8), (12, 4), (7, 4)])
def test_reads_its_contents(depth: int, bank_depth: int, latency: int) -> None:
    generator = random.Random(depth * 10 + bank_depth)
    rows = [generator.getrandbits(70) for _ in range(depth)]
    config: Any = BankedMemoryConfig(
        "rows", depth, 70, rows, read_latency=latency, bank_depth=bank_depth
    )
    addresses = [*range(depth), *(generator.randrange(depth) for _ in range(20))]
    assert read_back(config, addresses, {}) == [rows[address] for address in addresses]
    assert config.compute(np.array(addresses)) == [rows[address] for address in addresses]
    assert sum(bank.depth for bank in config.banks) == depth


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_reads_what_was_loaded(seed: int) -> None:
    generator = random.Random(seed)
    depth, width = generator.randrange(2, 20), generator.randrange(1, 40)
    bank_depth = generator.choice([size for size in (1, 2, 4, 8, 16) if size < depth])
    rows = [generator.getrandbits(width) for _ in range(depth)]
    load = {address: generator.getrandbits(width) for address in range(0, depth, 2)}
    config: Any = BankedMemoryConfig(
        "rows", depth, width, rows, reloadable=True, bank_depth=bank_depth
    )
    expected = [load.get(address, row) for address, row in enumerate(rows)]
    assert read_back(config, list(range(depth)), load) == expected


def test_each_bank_has_its_file() -> None:
    files = emit(BankedMemoryConfig("rows", 5, 8, range(5), bank_depth=2).create(), "top")
    found = {name: text.split() for name, text in files.items() if name.endswith(".hex")}
    assert found == {
        "rows_bank0.hex": ["00", "01"],
        "rows_bank1.hex": ["02", "03"],
        "rows_bank2.hex": ["04"],
    }


@pytest.mark.parametrize("bank_depth", [0, -2, 3, 8, 16])
def test_banks_must_be_powers_of_two_below_the_depth(bank_depth: int) -> None:
    with pytest.raises(ValueError, match=f"must be a power of two below 8, not {bank_depth}$"):
        BankedMemoryConfig("rows", 8, 4, [0] * 8, bank_depth=bank_depth)


def test_contents_must_be_whole() -> None:
    with pytest.raises(ValueError, match="Contents of memory rows must be 8 rows, not 7"):
        BankedMemoryConfig("rows", 8, 4, [0] * 7, bank_depth=4)


def test_blocks_are_those_of_the_widest_shape() -> None:
    device = find_device("ecp5-85k")
    banked = BankedMemoryConfig("rows", 1408, 288, [0] * 1408, bank_depth=512).cost(device)
    assert banked.bram == MemoryConfig("rows", 1408, 288, [0] * 1408).cost(device).bram == 24
