"""The weight stream: rows in order for ever from a late memory, exact cycles, headers, failures."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

from sterna.cycles import Network, simulate_network
from sterna_hw.base import IntegerRange, Process, Step, Timing, find_device
from sterna_hw.decoder.header_check import IMAGE_MAGIC, IMAGE_VERSION
from sterna_hw.weight_stream import REGION_ALIGNMENT, WeightStreamConfig
from sterna_sim.payloads import rows_to_payloads
from sterna_sim.stalls import PROFILES, find_profile

from .memory_port.axi_memory import AxiMemory

BASE = 0x3000
HASH = 0x89ABCDEF
HEADER = b"".join(n.to_bytes(4, "little") for n in (IMAGE_MAGIC, IMAGE_VERSION, HASH, 0))


@dataclass
class StreamRun:
    rows: list[tuple[int, int]] = field(default_factory=list)  # cycle, payload
    begun: int | None = None
    wrong: list[int] = field(default_factory=list)
    failed: bool = False


def run_stream(
    config: WeightStreamConfig,
    count: int,
    ready: Iterator[bool],
    *,
    pace: int = 1,
    latency: int = 4,
    seed: int | None = None,
    starts: tuple[int, ...] = (3,),
    header: bytes = HEADER,
    correct: Callable[[AxiMemory, int], None] | None = None,
    fails_at: int | None = None,
    max_cycles: int = 20000,
) -> StreamRun:
    """Runs until so many rows came; ``ready`` says when they may, if ``pace`` cycles have gone by
    since the one before."""
    part = config.create()
    contents = bytearray(random.Random(0).randbytes(BASE + config.offset + config.region_bytes))
    contents[BASE : BASE + 16] = header
    contents[BASE + config.offset :] = config.region()
    memory = AxiMemory(part.memory, contents, latency, seed)
    memory.fails_at = fails_at
    run = StreamRun()

    async def bench(ctx: Any) -> None:
        ctx.set(part.base, BASE)
        ctx.set(part.image_hash, HASH)
        payload = Value.cast(part.o.payload)
        for cycle in range(max_cycles):
            if correct is not None:
                correct(memory, cycle)
            ctx.set(part.start, cycle in starts)
            takes = next(ready) and (not run.rows or cycle >= run.rows[-1][0] + pace)
            ctx.set(part.o.ready, takes)
            memory.drive(ctx)
            _, _, valid, row, begun, wrong, failed, *axi = await ctx.tick().sample(
                part.o.valid, payload, part.begun, part.wrong, part.failed, *memory.signals
            )
            memory.sample(axi)
            if begun and run.begun is None:
                run.begun = cycle
            run.wrong += [cycle] * wrong
            run.failed = bool(failed)
            if valid and takes:
                run.rows.append((cycle, row))
            if len(run.rows) == count:
                return
        assert not count, f"{len(run.rows)} of {count} rows came"

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert memory.most_outstanding <= config.reads.outstanding
    return run


def random_config(seed: int) -> WeightStreamConfig:
    """Of rows from a few bits to several words, passes from a word to several bursts."""
    generator = random.Random(seed)
    low = generator.choice([0, -3])
    elements = IntegerRange(low, generator.randrange(1, 27))
    count = generator.choice([1, 3, 8, 16, 25, 64])
    rows = generator.randrange(1, 100)
    contents = np.random.default_rng(seed).integers(low, elements.high + 1, (rows, count))
    fifo = generator.choice([64, 100, 512])
    offset = REGION_ALIGNMENT * generator.randrange(1, 3)
    empty = WeightStreamConfig("rows", rows, elements, count, None, offset, fifo)
    return WeightStreamConfig(**{**vars_of(empty), "words": empty.pack(contents)})


def vars_of(config: WeightStreamConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def payloads(config: WeightStreamConfig, count: int) -> list[int]:
    rows = config.compute(-(-count // config.row_count))[:count]
    return rows_to_payloads(rows, config.element_range, config.row_count)


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_rows_in_order_from_an_unsteady_memory(seed: int) -> None:
    config = random_config(seed)
    profile = find_profile(list(PROFILES)[seed % len(PROFILES)])
    count = 2 * config.row_count + 3
    run = run_stream(config, count, profile.sink(seed, "o"), seed=seed, latency=1 + seed)
    assert [row for _, row in run.rows] == payloads(config, count)
    assert run.begun and not run.wrong and not run.failed


def modelled(config: WeightStreamConfig, count: int, pace: int, start: int) -> list[int]:
    """When rows leave to a consumer that takes one each so many cycles, from a cycle on."""
    step = Step(pace, take=("i", "go"), give=(("o", 1),))
    consumer = Timing(("i", "go"), ("o",), (Process("take", (step,), start),))
    parts = {"rows": config.timing(), "consumer": consumer}
    network = Network(parts, [(("rows", "o"), ("consumer", "i"))])
    times = simulate_network(network, {("consumer", "go"): count})
    return times.transfers["rows", "o"].tolist()


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_cycles_are_the_model_s(seed: int) -> None:
    latency = random.Random(seed).randrange(1, 60)
    config = WeightStreamConfig(**{**vars_of(random_config(100 + seed)), "memory_latency": latency})
    count = 3 * config.row_count + 40
    run = run_stream(config, count, itertools.repeat(True), latency=latency)
    assert run.begun is not None
    cycles = [cycle - run.begun for cycle, _ in run.rows]
    assert cycles == modelled(config, count, 1, 0)


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_cycles_of_a_stream_that_has_settled(seed: int) -> None:
    """Everything read ahead, then a consumer: whenever it begins, the model says the same."""
    config = random_config(200 + seed)
    settled = config.settling_cycles
    wait, pace = settled + 100, 1 + seed % 2
    ready = itertools.chain(itertools.repeat(False, wait), itertools.repeat(True))
    count = 2 * config.row_count + 300
    run = run_stream(config, count, ready, pace=pace, latency=config.memory_latency)
    shift = wait - settled
    assert [cycle - shift for cycle, _ in run.rows] == modelled(config, count, pace, settled)
    if config.row_width <= 128 * pace and config.row_count * pace > 8:
        # Memory gives enough and the prefetch covers its latency: no row is waited for.
        if config.fifo_words >= 512:
            cycles = [cycle for cycle, _ in run.rows]
            assert cycles == [wait + pace * number for number in range(count)]


def test_a_word_a_cycle_at_long_latencies() -> None:
    elements = IntegerRange(0, 15)
    empty = WeightStreamConfig("rows", 300, elements, 32, memory_latency=400)
    words = empty.pack(np.random.default_rng(1).integers(0, 16, (300, 32)))
    config = WeightStreamConfig(**{**vars_of(empty), "words": words})
    assert (config.row_width, config.pass_words) == (128, 300)
    run = run_stream(config, 1500, itertools.repeat(True), latency=400)
    cycles = [cycle for cycle, _ in run.rows]
    assert cycles[-1] - cycles[0] == len(cycles) - 1


WRONG_HEADERS = {
    "nothing": bytes(16),
    "magic": b"GGUF" + HEADER[4:],
    "version": HEADER[:4] + b"\1" + HEADER[5:],
    "hash": HEADER[:11] + b"\0" + HEADER[12:],
    "port": HEADER[:12] + b"\1\0\0\0",
}


@pytest.mark.parametrize("header", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_a_wrong_header_stops_it_until_the_next_start(header: bytes) -> None:
    config = random_config(3)

    def correct(memory: AxiMemory, cycle: int) -> None:
        if cycle == 100:
            memory.contents[BASE : BASE + 16] = HEADER

    ready = itertools.repeat(True)
    run = run_stream(config, 40, ready, header=header, starts=(3, 50, 110), correct=correct)
    assert len(run.wrong) == 2 and run.wrong[0] < 50 < run.wrong[1]
    assert run.begun is not None and run.begun > 110
    assert [row for _, row in run.rows] == payloads(config, 40)
    assert not run.failed


def test_nothing_is_read_before_start() -> None:
    run = run_stream(random_config(1), 0, itertools.repeat(True), starts=(), max_cycles=60)
    assert run.begun is None and not run.rows and not run.wrong


def test_a_second_start_changes_nothing() -> None:
    config = random_config(2)
    run = run_stream(config, 60, itertools.repeat(True), starts=(3, 5, 6, 7, 8, 20, 40))
    assert [row for _, row in run.rows] == payloads(config, 60)
    assert not run.wrong


def test_a_failing_memory_is_told_and_rows_go_on() -> None:
    config = random_config(4)
    count = 2 * config.row_count
    fails_at = BASE + config.offset
    run = run_stream(config, count, itertools.repeat(True), fails_at=fails_at)
    assert run.failed and len(run.rows) == count


FIELDS: dict[str, Any] = {
    "name": "rows",
    "row_count": 2,
    "element_range": IntegerRange(0, 26),
    "count": 3,
    "words": (0, 0),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row_count": 0}, "Row count must be 1 or more, not 0"),
        ({"words": (0,)}, "Contents of memory rows must be 2 rows, not 1"),
        ({"offset": 0}, "Offset of rows must be a positive multiple of 1024, not 0"),
        ({"offset": 1032}, "Offset of rows must be a positive multiple of 1024, not 1032"),
        ({"memory_latency": 0}, "Memory latency must be 1 or more, not 0"),
        ({"fifo_words": 63}, "Fifo words must be at least the 64 of a burst, not 63"),
        (
            {"offset": 1 << 40},
            "Rows of rows must fit an address of 40 bits, not take 1024 bytes",
        ),
    ],
)
def test_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        WeightStreamConfig(**{**FIELDS, **change})
    assert str(error.value) == message


def test_region_needs_contents() -> None:
    with pytest.raises(ValueError, match="Rows of rows must be known to make an image"):
        WeightStreamConfig(**{**FIELDS, "words": None}).region()


def test_cost_counts_the_prefetch_memory() -> None:
    assert WeightStreamConfig(**FIELDS).cost(find_device("ecp5-25k")).bram == 4
