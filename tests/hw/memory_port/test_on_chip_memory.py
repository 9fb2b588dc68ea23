"""The memory on the chip: contents, writes seen by later reads, refusals, cycles, under stalls."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from amaranth.sim import Simulator

from sterna.cycles import Network, simulate_network
from sterna_hw.base import find_device
from sterna_hw.memory_port import OnChipMemoryConfig

SLAVE_ERROR = 2
ROWS = 300


@dataclass
class Burst:
    """What is asked: a read, or a write with its data, perhaps with something wrong about it."""

    address: int
    beats: int
    data: list[int] = field(default_factory=list)
    kind: tuple[int, int] = (4, 1)
    strobe: int = 0xFFFF
    last_at: int | None = None


@dataclass
class Transfers:
    """Cycles and contents of what came back."""

    beats: list[tuple[int, int, int]] = field(default_factory=list)  # data, response, last
    beat_cycles: list[int] = field(default_factory=list)
    address_cycles: list[int] = field(default_factory=list)
    responses: list[int] = field(default_factory=list)
    response_cycles: list[int] = field(default_factory=list)
    write_cycles: list[int] = field(default_factory=list)


def contents(seed: int, count: int = ROWS - 20) -> list[int]:
    generator = random.Random(seed)
    return [generator.getrandbits(128) for _ in range(count)]


def run(
    config: OnChipMemoryConfig,
    phases: list[tuple[list[Burst], list[Burst]]],
    stall: float = 0.0,
    seed: int = 0,
) -> Transfers:
    """Runs phases of (reads, writes) one after the other; within one, both go side by side."""
    part, seen, generator = config.create(), Transfers(), random.Random(seed)

    def lucky() -> bool:
        return generator.random() >= stall

    async def bench(ctx: Any) -> None:
        cycle = 0
        for reads, writes in phases:
            addresses, write_addresses = list(reads), list(writes)
            words = [
                (value, number == (burst.last_at if burst.last_at is not None else burst.beats - 1))
                for burst in writes
                for number, value in enumerate(burst.data)
            ]
            strobes = [burst.strobe for burst in writes for _ in burst.data]
            expected_beats = len(seen.beats) + sum(burst.beats for burst in reads)
            expected_responses = len(seen.responses) + len(writes)
            offers = {"ar": False, "aw": False, "w": False}
            for _ in range(20000):
                if len(seen.beats) == expected_beats and len(seen.responses) == expected_responses:
                    break
                queues = {"ar": addresses, "aw": write_addresses, "w": words}
                for channel, queue in queues.items():
                    offers[channel] = bool(queue) and (offers[channel] or lucky())
                    ctx.set(getattr(part, f"{channel}valid"), offers[channel])
                for channel in ("ar", "aw"):
                    queue = queues[channel]
                    burst = queue[0] if offers[channel] else None
                    names = ("addr", "len", "size", "burst")
                    values = (burst.address, burst.beats - 1, *burst.kind) if burst else (
                        generator.getrandbits(40),
                        generator.getrandbits(8),
                        generator.getrandbits(3),
                        generator.getrandbits(2),
                    )  # fmt: skip
                    for name, value in zip(names, values):
                        ctx.set(getattr(part, channel + name), value)
                value, last = words[0] if offers["w"] else (generator.getrandbits(128), 1)
                ctx.set(part.wdata, value)
                ctx.set(part.wlast, last)
                ctx.set(part.wstrb, strobes[0] if offers["w"] else 0xFFFF)
                takes, hears = lucky(), lucky()
                ctx.set(part.rready, takes)
                ctx.set(part.bready, hears)
                answers = (part.arready, part.awready, part.wready, part.rvalid, part.bvalid)
                beat = (part.rdata, part.rresp, part.rlast)
                _, _, *values = await ctx.tick().sample(*answers, *beat, part.bresp)
                ar, aw, w, rvalid, bvalid, *rest, bresp = values
                if offers["ar"] and ar:
                    addresses.pop(0)
                    seen.address_cycles.append(cycle)
                    offers["ar"] = False
                if offers["aw"] and aw:
                    write_addresses.pop(0)
                    seen.write_cycles.append(cycle)
                    offers["aw"] = False
                if offers["w"] and w:
                    words.pop(0)
                    strobes.pop(0)
                    offers["w"] = False
                if takes and rvalid:
                    seen.beats.append((rest[0], rest[1], rest[2]))
                    seen.beat_cycles.append(cycle)
                if hears and bvalid:
                    seen.responses.append(bresp)
                    seen.response_cycles.append(cycle)
                cycle += 1
            else:
                raise AssertionError("not done")

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def random_reads(generator: random.Random, count: int) -> list[Burst]:
    reads = []
    for _ in range(count):
        beats = generator.choice([1, 1, 2, 7, 16])
        reads.append(Burst(16 * generator.randrange(ROWS - beats + 1), beats))
    return reads


def data_of(seen: Transfers, reads: list[Burst]) -> list[list[int]]:
    """The beats by burst, after a look at their responses and lasts."""
    beats, found = iter(seen.beats), []
    for burst in reads:
        own = [next(beats) for _ in range(burst.beats)]
        assert [last for _, _, last in own] == [0] * (burst.beats - 1) + [1]
        assert all(response == 0 for _, response, _ in own)
        found.append([value for value, _, _ in own])
    return found


@pytest.mark.parametrize("stall", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("bank", [ROWS, 128], ids=["one memory", "banks"])
def test_reads_are_what_compute_says(
    bank: int, stall: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna_hw.memory_port.on_chip_memory.BANK_ROWS", bank)
    config = OnChipMemoryConfig("memory", ROWS, contents(3))
    reads = random_reads(random.Random(7), 15)
    seen = run(config, [(reads, [])], stall, seed=5)
    assert data_of(seen, reads) == [config.compute(burst.address, burst.beats) for burst in reads]


@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
def test_an_acknowledged_write_is_read(seed: int) -> None:
    """Writes in the lower half while the upper one is read; then everything is read."""
    generator = random.Random(seed)
    config = OnChipMemoryConfig("memory", ROWS, contents(seed))
    expected = [*contents(seed), *[0] * 20]
    phases, all_reads, answers = [], [], []
    for _ in range(3):
        reads = [Burst(16 * (150 + generator.randrange(130)), 16) for _ in range(3)]
        answers += [expected[burst.address // 16 :][:16] for burst in reads]
        writes = []
        for _ in range(3):
            beats = generator.choice([1, 2, 9])
            first = generator.randrange(140)
            words = [generator.getrandbits(128) for _ in range(beats)]
            writes.append(Burst(16 * first, beats, words))
            expected[first : first + beats] = words
        phases += [(reads, writes), ([Burst(0, 160)], [])]
        all_reads += [*reads, Burst(0, 160)]
        answers.append(expected[:160])
    seen = run(config, phases, stall=(0.0, 0.5)[seed % 2], seed=seed)
    assert data_of(seen, all_reads) == answers
    assert seen.responses == [0] * 9


def test_cycles_are_the_model_s() -> None:
    config = OnChipMemoryConfig("memory", ROWS, contents(1))
    for lengths in ([1], [16, 16, 3, 16], [1] * 12, [5, 1, 1, 30]):
        reads = [Burst(0, beats) for beats in lengths]
        seen = run(config, [(reads, [])])
        assert seen.beat_cycles[0] - seen.address_cycles[0] == config.read_latency
        beats = {("memory", "i"): len(lengths)}
        network = Network({"memory": config.timing(lengths)}, [])
        transfers = simulate_network(network, beats).transfers
        assert seen.address_cycles == transfers["memory", "i"].tolist()
        assert seen.beat_cycles == transfers["memory", "o"].tolist()
    for beats in (1, 2, 16):
        words = contents(0, beats)
        seen = run(config, [([], [Burst(32, beats, words)] + [Burst(0, 1, [1])])])
        assert seen.response_cycles[0] - seen.write_cycles[0] == config.write_cycles(beats)
        assert seen.write_cycles[1] - seen.write_cycles[0] == beats + 2


BAD = {
    "leaves": Burst(16 * (ROWS - 3), 4, [1, 2, 3, 4]),
    "far": Burst(1 << 36, 2, [1, 2]),
    "within a beat": Burst(8, 2, [1, 2]),
    "narrow": Burst(16, 2, [1, 2], kind=(3, 1)),
    "fixed": Burst(16, 2, [1, 2], kind=(4, 0)),
}


@pytest.mark.parametrize("what", BAD)
def test_refusals(what: str) -> None:
    """As many beats as asked for, all with an error, and nothing is written."""
    config, bad = OnChipMemoryConfig("memory", ROWS, contents(2)), BAD[what]
    good = Burst(0, 20)
    tail = Burst(16 * (ROWS - 3), 3)
    seen = run(config, [([bad], [bad]), ([good, tail], [])])
    refused = seen.beats[: bad.beats]
    assert {response for _, response, _ in refused} == {SLAVE_ERROR}
    assert [last for _, _, last in refused] == [0] * (bad.beats - 1) + [1]
    assert seen.responses == [SLAVE_ERROR]
    seen.beats = seen.beats[bad.beats :]
    assert data_of(seen, [good, tail]) == [config.compute(0, 20), [0, 0, 0]]
    if bad.kind == (4, 1):
        assert config.compute(bad.address, bad.beats) is None


@pytest.mark.parametrize(
    ("burst", "written"),
    [
        (Burst(32, 3, [5, 6, 7], strobe=0x7FFF), 0),
        (Burst(32, 3, [5, 6, 7], last_at=1), 1),
        (Burst(32, 3, [5, 6, 7], last_at=9), 2),
    ],
    ids=["partial", "early last", "no last"],
)
def test_nothing_is_written_from_a_bad_beat_on(burst: Burst, written: int) -> None:
    config = OnChipMemoryConfig("memory", ROWS, contents(2))
    seen = run(config, [([], [burst]), ([Burst(32, 3)], [])])
    assert seen.responses == [SLAVE_ERROR]
    expected = burst.data[:written] + (config.compute(32, 3) or [])[written:]
    assert data_of(seen, [Burst(32, 3)]) == [expected]


def test_rows_in_blocks_fit_them() -> None:
    device = find_device("ecp5-85k")
    for blocks in (5, 40, 100, 166):
        rows = OnChipMemoryConfig.rows_in(device, blocks)
        assert OnChipMemoryConfig("memory", rows).cost(device).bram <= blocks
        assert OnChipMemoryConfig("memory", rows + 600).cost(device).bram > blocks
    assert OnChipMemoryConfig.rows_in(device, -1) == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rows": 1}, "Rows must be 2 or more, not 1"),
        ({"init": [0] * 5}, "Contents must be at most 4 rows, not 5"),
        (
            {"rows": 1024, "address_width": 13},
            "Address width must be within 13 to 64 and reach 16384 bytes, not 13",
        ),
        ({"init": [1 << 128]}, f"Rows of memory memory must be 128-bit numbers, not {1 << 128}"),
        ({"name": "a b"}, "Name of a memory must be an identifier, not 'a b'"),
    ],
)
def test_errors(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        OnChipMemoryConfig(**{"name": "memory", "rows": 4, **fields})
    assert str(error.value) == message
