"""The DRAM model does what its settings say, to the cycle: bandwidth, latency, gaps, writes."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sterna_sim.dram import DramConfig, Region
from sterna_sim.verilator import SimulatorError

from .dram_bench import read_cycles, run_job

SIZE = 1 << 16


@pytest.fixture
def image(tmp_path: Path) -> tuple[Path, bytes]:
    contents = random.Random(1).randbytes(SIZE)
    path = tmp_path / "image one.bin"
    path.write_bytes(contents)
    return path, contents


@pytest.fixture
def play(tmp_path: Path, image, monkeypatch: pytest.MonkeyPatch):
    def run(ports: list[dict[str, Any]], cycles: int, *, job: dict | None = None, **settings):
        config = DramConfig((Region(0x2000, image[0]), Region(0x100000, size=8192)), **settings)
        return run_job(tmp_path / "run", config, ports, cycles, monkeypatch, **(job or {}))

    return run


@pytest.mark.parametrize("latency", [1, 40])
def test_one_burst_comes_after_the_latency(play, image, latency: int) -> None:
    result = play([{"reads": [[5, 0x2100, 8]]}, {}], 80, read_latency=latency)
    events = result["events"][0]
    assert events["address"] == [[5, 0x2100, 8]]
    beats = [image[1][0x100 + 16 * beat :][:16] for beat in range(8)]
    expected = [
        [5 + latency + beat, beats[beat][::-1].hex(), int(beat == 7), 0] for beat in range(8)
    ]
    assert events["read"] == expected
    assert result["breaches"] == []
    assert result["counters"][0]["read_bytes"] == 128
    assert result["counters"][0]["read_bursts"] == 1
    assert result["counters"][0]["busy"] == 8
    assert result["counters"][0]["waiting"] == latency - 1
    assert result["counters"][0]["idle"] == result["totals"]["cycles"] - 8 - (latency - 1)
    assert result["totals"]["cycles"] == 79  # the last edge is the end of the run


@pytest.mark.parametrize("gap", [0, 6])
def test_bursts_keep_their_gap(play, gap: int) -> None:
    reads = [[1, 0x2000 + 128 * number, 8] for number in range(4)]
    result = play([{"reads": reads}, {}], 90, read_latency=10, burst_gap=gap)
    expected = [11 + burst * (8 + gap) + beat for burst in range(4) for beat in range(8)]
    assert read_cycles(result, 0) == expected


@pytest.mark.parametrize("rate", ["64", "53.2", "10"])
def test_ports_together_keep_to_the_bandwidth(play, rate: str) -> None:
    bursts, beats, latency = 4, 16, 10
    reads = [[1, 0x2000 + 256 * number, beats] for number in range(bursts)]
    total = 4 * bursts * beats
    result = play(
        [{"reads": reads}] * 4, 500, bytes_per_cycle=Fraction(rate), read_latency=latency - 1
    )
    cycles = sorted(cycle for port in range(4) for cycle in read_cycles(result, port))
    assert len(cycles) == total
    # Credit starts at one cycle of all ports and a beat, and is capped there.
    gone, credit, expected = 0, Fraction(80), []
    for cycle in range(latency, 500):
        now = min(int(credit // 16), 4, total - gone)
        expected += [cycle] * now
        gone += now
        credit = min(credit - 16 * now + Fraction(rate), Fraction(80))
    assert cycles == expected
    ends = [read_cycles(result, port)[-1] for port in range(4)]
    assert max(ends) - min(ends) <= 3 * 16 / Fraction(rate) + 1  # they take turns
    if Fraction(rate) < 64:
        # The whole takes what the bandwidth says, but for the credit of the start.
        steady = (total * 16 - 80) / Fraction(rate)
        assert abs(cycles[-1] - latency - steady) <= 1
        assert result["totals"]["limited"] > 0
    assert result["totals"]["moved_bytes"] == 16 * total


@pytest.mark.parametrize(("turnaround", "latency"), [(0, 0), (16, 5)])
def test_a_write_stops_reading_for_as_long_as_stated(play, turnaround: int, latency: int) -> None:
    words = [random.Random(2).getrandbits(128) for _ in range(6)]
    reads = [[1, 0x2000 + 256 * number, 16] for number in range(4)]
    result = play(
        [{"reads": reads}, {"writes": [[20, 0x100040, words]]}],
        200,
        job={"peeks": [[0x100040, 96], [0x100000, 64]]},
        bytes_per_cycle=32,
        read_latency=7,
        write_turnaround=turnaround,
        write_latency=latency,
    )
    assert result["events"][1]["write"] == list(range(20, 26))
    # The last word was taken in cycle 25; two words a cycle move from 26 + turnaround on.
    first = 26 + turnaround
    expected = [*range(8, 26), *range(first + 3 + turnaround, first + 3 + turnaround + 46)]
    assert read_cycles(result, 0) == expected
    assert result["events"][1]["response"] == [[first + 2 + latency, 0]]
    image = b"".join(word.to_bytes(16, "little") for word in words)
    assert result["peeks"] == [image.hex(), bytes(64).hex()]
    assert result["totals"]["turnaround"] == 2 * turnaround
    assert result["totals"]["writing"] == 3


def test_written_words_are_read_back(play) -> None:
    generator = random.Random(3)
    words = [generator.getrandbits(128) for _ in range(5)]
    result = play(
        [{"writes": [[0, 0x100000, words]], "reads": [[100, 0x100000, 5]]}, {}],
        200,
        read_latency=5,
    )
    assert [value for _, value, *_ in result["events"][0]["read"]] == [f"{w:032x}" for w in words]


def test_only_strobed_bytes_are_written_and_files_stay_as_they_are(play, image) -> None:
    result = play(
        [{"writes": [[0, 0x2000, [(1 << 128) - 1]]], "wstrb": 0x00F0}, {}],
        60,
        job={"peeks": [[0x2000, 16]]},
    )
    before = image[1][:16]
    assert result["peeks"] == [(before[:4] + b"\xff" * 4 + before[8:]).hex()]
    assert image[0].read_bytes() == image[1]


def test_addresses_outside_are_answered_by_an_error(play) -> None:
    reads = [[0, 0x2000 + SIZE - 16, 2], [0, 0, 1]]
    result = play([{"reads": reads, "writes": [[0, 0x500000, [1]]]}, {}], 120)
    assert [event[3] for event in result["events"][0]["read"]] == [0, 3, 3]
    assert [code for _, code in result["events"][0]["response"]] == [3]


def test_poke_changes_what_is_read(play) -> None:
    result = play([{"reads": [[20, 0x2010, 1]]}, {}], 90, job={"pokes": [[0x2010, "ab" * 16]]})
    assert result["events"][0]["read"][0][1] == "ab" * 16


@pytest.mark.parametrize("seed", [3])
def test_random_delays_change_when_but_not_what(play, image, seed: int) -> None:
    reads = [[0, 0x2000 + 256 * number, 16] for number in range(4)]
    ports = [{"reads": reads, "ready_every": 1}, {"reads": reads, "ready_every": 3}]
    settings = {"read_latency": 5, "random_latency": 20, "stall_percent": 40, "seed": seed}
    result = play(ports, 700, **settings)
    expected = [image[1][16 * beat :][:16][::-1].hex() for beat in range(64)]
    for port in range(2):
        assert [value for _, value, *_ in result["events"][port]["read"]] == expected
    assert read_cycles(result, 0) != list(range(6, 70))
    assert result["counters"][1]["blocked"] > 0
    assert play(ports, 700, **settings)["events"] == result["events"]


def test_breaches_are_noted(play) -> None:
    reads = [[0, 0x2FF0, 2], [10, 0x2008, 1]]
    result = play([{"reads": reads}, {"reads": [[0, 0x2000, 1]], "arsize": 3}], 80)
    texts = [text.split(": ", 1)[1] for text in result["breaches"]]
    assert texts == [
        "port 0 read address crosses 4 KB",
        "port 1 read address is no incrementing burst of 16 bytes",
        "port 0 read address has a crooked address",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bytes_per_cycle": 0}, "Bytes per cycle must be positive, not 0"),
        ({"read_latency": 0}, "Read latency must be 1 or more, not 0"),
        ({"burst_gap": -1}, "Burst gap must be 0 or more, not -1"),
        ({"stall_percent": 100}, "Stall percent must be within 0 to 90, not 100"),
    ],
)
def test_errors(fields: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError) as error:
        DramConfig((Region(0, size=4096),), **fields)
    assert str(error.value) == message


def test_regions_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Regions must not overlap, as they do at 0x1000"):
        DramConfig((Region(0x1000, size=4096), Region(0, size=4097)))
    with pytest.raises(ValueError, match="Base of a region must be a multiple of 4096, not 16"):
        Region(16, size=4096)
    with pytest.raises(ValueError, match="Image of a region must be a file, not "):
        Region(0, tmp_path / "none.bin")
    with pytest.raises(ValueError, match="Size of a region must be at least 1, not 0"):
        Region(0)


def test_a_file_that_shrinks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the settings say of a file must still be so when the simulation maps it: the rest of a
    shorter one would read as zeros."""
    path = tmp_path / "image.bin"
    path.write_bytes(bytes(8192))
    config = DramConfig((Region(0, path, size=1 << 14),))
    write = DramConfig.write

    def write_then_cut(self: DramConfig, folder: Path) -> Path:
        written = write(self, folder)
        path.write_bytes(bytes(8000))
        return written

    monkeypatch.setattr(DramConfig, "write", write_then_cut)
    with pytest.raises(SimulatorError):
        run_job(tmp_path / "run", config, [{}, {}], 20, monkeypatch)
