"""Read group and writer as Verilog against the DRAM model: data, bandwidth, exact cycles, speed."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.memory_port import ReadGroupConfig, WritePortConfig
from sterna_hw.verilog import emit
from sterna_sim.dram import DramConfig, Region, build_with_dram, top_with_dram
from sterna_sim.dram.build import TOP
from sterna_sim.verilator import run_model

from .memory_ports import MemoryPorts

PORTS = 4
READS = ReadGroupConfig(PORTS, 32, burst_beats=64, fifo_words=256, style="ultra")
WRITES = WritePortConfig(PORTS, 32)
SIZE = 1 << 18


@pytest.fixture(scope="module")
def model() -> Path:
    return build_with_dram(emit(MemoryPorts(READS, WRITES), "ports"), "ports", PORTS, fast=True)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"port{port}.bin" for port in range(PORTS)]
    for port, path in enumerate(paths):
        path.write_bytes(np.random.default_rng(port).bytes(SIZE))
    return paths


@pytest.fixture
def play(model: Path, images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def run(read: tuple[int, int], writes: list, peeks: list, **settings) -> dict[str, Any]:
        bases = [0x100000 * port for port in range(PORTS)]
        regions = tuple(Region(base, path) for base, path in zip(bases, images))
        folder = tmp_path / "run"
        DramConfig(regions, **settings).write(folder)
        job = {"bases": bases, "read": read, "writes": writes, "peeks": peeks}
        (folder / "job.json").write_text(json.dumps(job))
        monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])
        run_model(model, TOP, "ports_probe", folder)
        return json.loads((folder / "result.json").read_text())

    return run


def total(contents: list[np.ndarray], address: int, words: int) -> int:
    """What `MemoryPorts` sums up over these 16-byte rows of each port."""
    lows = [rows.view("<u4").reshape(-1, 4)[:, 0].astype(object) for rows in contents]
    first = address // 16
    factors = np.arange(words) % 256 + 1
    return int(sum((rows[first : first + words] * factors).sum() for rows in lows)) % 2**64


def contents_of(images: list[Path]) -> list[np.ndarray]:
    return [np.fromfile(path, np.uint8) for path in images]


def test_words_are_written_and_read_back(play, images: list[Path]) -> None:
    words = [int.from_bytes(np.random.default_rng(9).bytes(16), "little") for _ in range(20)]
    writes = [[2, 0x1030, words], [0, 0x40, words[:3]]]
    result = play((0, 600), writes, [[0x201030, 320], [0x40, 48]])
    image = b"".join(word.to_bytes(16, "little") for word in words)
    assert result["peeks"] == [image.hex(), image[:48].hex()]
    contents = contents_of(images)
    contents[2][0x1030:][:320] = np.frombuffer(image, np.uint8)
    contents[0][0x40:][:48] = np.frombuffer(image[:48], np.uint8)
    assert (result["count"], result["sum"]) == (600, total(contents, 0, 600))
    assert (result["errors"], result["breaches"]) == (0, [])
    assert [counters["write_bytes"] for counters in result["counters"]] == [48, 0, 320, 0]


@pytest.mark.parametrize("seed", [1])
def test_random_delays_change_nothing_that_is_read(play, images: list[Path], seed: int) -> None:
    result = play((0x30, 900), [], [], random_latency=60, stall_percent=30, seed=seed)
    assert (result["count"], result["sum"]) == (900, total(contents_of(images), 0x30, 900))
    assert (result["errors"], result["breaches"]) == (0, [])


@pytest.mark.parametrize(("words", "latency"), [(1, 5), (1000, 1), (2000, 90)])
def test_cycles_are_the_model_s(play, words: int, latency: int) -> None:
    result = play((0x10, words), [], [], read_latency=latency)
    timing = READS.timing([(0x10, words)], latency)
    times = simulate_network(Network({"part": timing}, []), 1).transfers
    # Idle rises behind the second edge after the last fetch, four cycles before the word is on `o`.
    command, last = (int(times["part", port][end]) for port, end in (("command", 0), ("o", -1)))
    assert result["cycles"] == last - 4 + 2 - command


@pytest.mark.parametrize("rate", ["64", "53.2"])
def test_a_long_read_takes_what_the_bandwidth_says(play, rate: str) -> None:
    words = SIZE // 16
    result = play((0, words), [], [], bytes_per_cycle=Fraction(rate), read_latency=40)
    ideal = words * 64 / Fraction(rate)
    assert ideal <= result["cycles"] + 5 and result["cycles"] <= ideal + 80


def test_an_address_outside_sets_the_error(play) -> None:
    assert play((SIZE - 64, 8), [], [])["errors"] == 1


def test_a_million_cycles_take_seconds(play) -> None:
    result = play((0, SIZE // 16), [], [], bytes_per_cycle=Fraction(64, 61))
    cycles = result["totals"]["cycles"]
    assert cycles > 0.99e6
    # Processor time, for the machine may be busy with other things.
    assert result["seconds"] < 20, f"{cycles / result['seconds']:.0f} cycles per second"


def test_a_design_without_memory_ports_is_refused() -> None:
    text = "module m(clk, rst);\n  input clk;\n  input rst;\nendmodule\n"
    with pytest.raises(ValueError, match="Module m must have a port memory__0__araddr"):
        top_with_dram("m", text, 1)
    with pytest.raises(ValueError, match="Module m must have a port aclk"):
        top_with_dram("m", text, 1, clock="aclk")
    with pytest.raises(ValueError, match="Module n must be in the Verilog text"):
        top_with_dram("n", text, 1)
