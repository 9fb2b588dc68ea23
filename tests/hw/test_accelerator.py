"""The whole accelerator: data, cycles, registers, reload, wrong ends, reset, refusals."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.accelerator import RESET_CYCLES, AcceleratorConfig
from sterna_hw.add_streams import AddStreamsConfig
from sterna_hw.axi_stream import AxiStreamOutputConfig
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import BINARY, DEVICES, TERNARY, Cost, IntegerRange
from sterna_hw.fork import ForkConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.registers import driver_table
from sterna_hw.stage import Stage
from sterna_hw.verilog import emit
from sterna_sim.stalls import PROFILES

from .accelerator_bench import AcceleratorBench, axi_words
from .axi_lite_manager import OKAY, SLVERR
from .toy_network import Toy, random_parameters, random_toy


def seeds(count: int):
    return pytest.mark.parametrize("seed", range(count), ids=lambda s: f"seed{s}")


def bench_of(toy: Toy, frames: np.ndarray, profile: str = "none", seed: int = 0):
    edge = toy.config.input_edge
    return AcceleratorBench(toy.config, axi_words(frames, edge.values, edge.count), profile, seed)


def random_frames(toy: Toy, seed: int, count: int = 4) -> np.ndarray:
    return toy.random_frames(np.random.default_rng(1000 + seed), count)


class Driver:
    """The registers by name, on the manager of a bench."""

    def __init__(self, bench: AcceleratorBench, ctx) -> None:
        self.bench, self.ctx = bench, ctx
        self.table = driver_table(bench.config.registers)

    async def read(self, register: str, field: str = "value") -> int:
        facts = self.table[register]["fields"][field]
        word = await self.bench.manager.read(self.ctx, self.table[register]["offset"])
        return word >> facts["low"] & ((1 << facts["width"]) - 1)

    async def write(self, register: str, value: int) -> int:
        offset = self.table[register]["offset"]
        return await self.bench.manager.write(self.ctx, offset, value)

    async def stop(self) -> None:
        await self.write("control", 1)
        while not await self.read("status", "loading"):
            pass

    async def load(self, number: int, rows: list[int]) -> None:
        await self.write("reload_select", number)
        await self.write("reload_row", 0)
        assert await self.read("memory_rows") == len(rows)
        words = -(-await self.read("memory_row_width") // 32)
        base = self.table["reload_window"]["offset"]
        for row in rows:
            for word in range(words):
                part = row >> 32 * word & 0xFFFFFFFF
                assert await self.bench.manager.write(self.ctx, base + 4 * word, part) == OKAY


@seeds(10)
def test_frames_and_cycles_without_stalls(seed: int) -> None:
    """Exact results, and every transfer at both edges in the cycle that the model says."""
    toy = random_toy(seed)
    frames = random_frames(toy, seed)
    bench = bench_of(toy, frames)
    bench.run(len(frames) * toy.config.output_edge.beats)
    assert np.array_equal(bench.frames(), toy.compute(frames))
    network = Network(*toy.config.network())
    times = simulate_network(network, len(bench.taken), start=RESET_CYCLES).transfers
    assert bench.taken == times["input_edge", "i"].tolist()
    assert [cycle for cycle, _, _ in bench.given] == times["output_edge", "o"].tolist()


@seeds(30)
def test_compute_is_the_network(seed: int) -> None:
    """The parts' meanings, chained, against the reference; sizes larger than in simulation."""
    toy = random_toy(seed, sizes=(40, 17, 23, 10))
    frames = random_frames(toy, seed, 20)
    results = toy.config.compute(frames)
    assert list(results) == [stage.name for stage in toy.config.stages]
    assert np.array_equal(results[toy.config.stages[-1].name], toy.compute(frames))


@pytest.mark.parametrize("profile", PROFILES)
def test_frames_under_stalls(profile: str) -> None:
    seed = list(PROFILES).index(profile)
    toy = random_toy(20 + seed)
    frames = random_frames(toy, seed)
    bench = bench_of(toy, frames, profile, seed)
    bench.run(len(frames) * toy.config.output_edge.beats, max_cycles=20_000)
    assert np.array_equal(bench.frames(), toy.compute(frames))


@pytest.mark.parametrize("alphabet", [TERNARY, BINARY], ids=lambda a: a.name)
def test_a_single_layer(alphabet) -> None:
    toy = random_toy(3, sizes=(5, 4), alphabet=alphabet)
    frames = random_frames(toy, 3)
    bench = bench_of(toy, frames)
    bench.run(len(frames) * toy.config.output_edge.beats)
    assert np.array_equal(bench.frames(), toy.compute(frames))


@seeds(6)
def test_new_parameters_take_effect_between_frames(seed: int) -> None:
    """Frames, then a reload of every weight and threshold, then the same frames again."""
    toy = random_toy(seed, reloadable=True)
    generator = np.random.default_rng(2000 + seed)
    new = random_parameters(generator, toy.sizes, toy.alphabet, toy.activations.high)
    frames = random_frames(toy, seed, 3)
    beats = toy.config.output_edge.beats
    bench = bench_of(toy, frames, ("none", "independent_ends")[seed % 2], seed)
    again = list(bench.words)

    async def script(bench: AcceleratorBench, ctx) -> None:
        driver = Driver(bench, ctx)
        while len(bench.taken) < 2 * toy.config.input_edge.beats:
            await ctx.tick("bench")
        await driver.stop()
        # Stopped after whole frames, all of which have come out.
        begun = len(bench.taken) / toy.config.input_edge.beats
        assert begun == len(bench.given) / beats == await driver.read("frames_in")
        bench.words += again
        for memory in toy.config.memories():
            rows = toy.rows(memory.number, new)
            assert (len(rows), memory.rows) == (memory.rows, len(rows))
            await driver.load(memory.number, rows)
        assert await driver.read("error", "reload_refused") == 0
        loaded.append(len(bench.given) // beats)
        await driver.write("control", 0)

    loaded: list[int] = []
    bench.run(6 * beats, script, max_cycles=40_000)
    (old_frames,) = loaded
    assert 2 <= old_frames <= 3
    played = np.concatenate([frames, frames])
    results = bench.frames()
    expected = toy.compute(played[:old_frames])
    assert np.array_equal(results[:old_frames], expected)
    assert np.array_equal(results[old_frames:], toy.compute(played[old_frames:], new))


@seeds(2)
def test_a_reload_of_nothing_changes_nothing(seed: int) -> None:
    toy = random_toy(seed, reloadable=True)
    frames = random_frames(toy, seed)

    async def script(bench: AcceleratorBench, ctx) -> None:
        driver = Driver(bench, ctx)
        for _ in range(3):
            await driver.stop()
            await driver.write("control", 0)

    bench = bench_of(toy, frames, "independent_ends", seed)
    bench.run(len(frames) * toy.config.output_edge.beats, script, max_cycles=20_000)
    assert np.array_equal(bench.frames(), toy.compute(frames))


def test_writing_while_running_changes_nothing() -> None:
    toy = random_toy(1, reloadable=True)
    frames = random_frames(toy, 1, 6)

    bench = bench_of(toy, frames)
    table = driver_table(toy.config.registers)

    async def script(bench: AcceleratorBench, ctx) -> None:
        for number in range(len(toy.config.memories())):
            await bench.manager.write(ctx, table["reload_select"]["offset"], number)
            offset = table["reload_window"]["offset"]
            assert await bench.manager.write(ctx, offset, 0xFFFFFFFF) == SLVERR
        assert await Driver(bench, ctx).read("error", "reload_refused") == 1

    bench.run(len(frames) * toy.config.output_edge.beats, script)
    assert np.array_equal(bench.frames(), toy.compute(frames))


def test_registers_tell_what_happened() -> None:
    toy = random_toy(5)
    frames = random_frames(toy, 5)
    counts: dict[str, int] = {}
    config = toy.config

    async def script(bench: AcceleratorBench, ctx) -> None:
        driver = Driver(bench, ctx)
        assert await driver.read("magic") == 0x4E525453
        assert await driver.read("build_hash") == 0x5EED0005
        assert await driver.read("capabilities", "input_bytes") == config.input_edge.bytes
        assert await driver.read("capabilities", "output_bytes") == config.output_edge.bytes
        assert await driver.read("input_elements") == toy.sizes[0]
        assert await driver.read("output_elements") == config.output_edge.elements
        assert await driver.read("memory_count") == len(config.memories()) == 0
        while len(bench.given) < len(frames) * config.output_edge.beats:
            await ctx.tick("bench")
        for name in ("frames_in", "frames_out", "input_stall_cycles", "busy_cycles"):
            counts[name] = await driver.read(name)
        assert await driver.read("status", "idle") == 1
        assert await driver.read("error", "short_frame") == 0

    bench = bench_of(toy, frames)
    bench.run(len(frames) * config.output_edge.beats, script)
    first, last = bench.taken[0], bench.taken[-1]
    assert counts == {
        "frames_in": len(frames),
        "frames_out": len(frames),
        "input_stall_cycles": last - first + 1 - len(bench.taken),
        "busy_cycles": bench.given[-1][0] - first,
    }


def test_a_short_and_a_long_frame_spoil_only_themselves() -> None:
    toy = random_toy(4)
    frames, edge = random_frames(toy, 4), toy.config.input_edge
    edge = dataclasses.replace(edge, count=2)
    stages = [stage for stage in toy.config.stages if stage.name != "gearbox_0"]
    first: Any = next(stage for stage in stages if stage.name == "layer_0").part
    regroup = Stage("gearbox_0", GearboxConfig(6, edge.values, 2, first.block_inputs))
    config = dataclasses.replace(toy.config, input_edge=edge, stages=(regroup, *stages))
    words = [axi_words(frame[np.newaxis], edge.values, 2) for frame in frames]
    words[1] = [(words[1][0][0], True)]
    words[2] = [*((word, False) for word, _ in words[2]), (0xFFFF, False), (0xFFFF, True)]
    expected = frames.copy()
    expected[1, 2:] = 0
    seen: dict[str, int] = {}

    async def script(bench: AcceleratorBench, ctx) -> None:
        driver = Driver(bench, ctx)
        while len(bench.given) < len(frames) * config.output_edge.beats:
            await ctx.tick("bench")
        for name in ("short_frame", "long_frame", "element_range"):
            seen[name] = await driver.read("error", name)

    bench = AcceleratorBench(config, sum(words, []))
    bench.run(len(frames) * config.output_edge.beats, script)
    assert np.array_equal(bench.frames(), toy.compute(expected))
    assert seen == {"short_frame": 1, "long_frame": 1, "element_range": 0}


@seeds(5)
def test_reset_in_mid_frame(seed: int) -> None:
    """After a reset at any time, whole frames from then on are exact."""
    toy = random_toy(30 + seed)
    frames = random_frames(toy, seed)
    edge = toy.config.input_edge
    words = axi_words(frames, edge.values, edge.count)
    marks: list[int] = []

    async def script(bench: AcceleratorBench, ctx) -> None:
        for _ in range(11 + 13 * seed):
            await ctx.tick("bench")
        bench.words.clear()
        await bench.reset(ctx)
        bench.given.clear()
        bench.words += words
        marks.append(1)

    bench = bench_of(toy, frames)
    bench.run(len(frames) * toy.config.output_edge.beats, script)
    assert marks
    assert np.array_equal(bench.frames(), toy.compute(frames))


def test_costs_add_up_and_name_every_instance() -> None:
    config = random_toy(2, reloadable=True).config
    parts, links = config.network()
    for device in DEVICES.values():
        costs = config.costs(device)
        assert set(costs) == set(parts) | {"control"}
        assert sum(costs.values(), start=Cost()) == config.cost(device)
    assert len(links) == len(parts) - 1


def test_verilog_has_one_instance_a_stage() -> None:
    toy = random_toy(2, sizes=(4, 3), reloadable=True)
    files = emit(toy.config.create(), "toy")
    parts, _ = toy.config.network()
    for name in (*parts, "control"):
        assert f"toy__{name}.v" in files
        assert f" {name} (" in files["toy.v"]
    assert files == emit(toy.config.create(), "toy")


RANGE = IntegerRange(0, 3)


def chain(*stages: Stage, output: AxiStreamOutputConfig | None = None, name: str = "net"):
    return AcceleratorConfig(
        name,
        AxiStreamInputConfig(6, RANGE, 2),
        stages,
        output or AxiStreamOutputConfig(6, RANGE, 3),
    )


GEARBOX = Stage("regroup", GearboxConfig(6, RANGE, 2, 3))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: chain(), "Stages of an accelerator must be one or more, not none"),
        (lambda: chain(GEARBOX, name="a b"), "Name in an accelerator must be an identifier, not"),
        (
            lambda: chain(Stage("control", GEARBOX.part)),
            "Name of a stage must be free, not 'control'",
        ),
        (lambda: chain(GEARBOX, GEARBOX), "Name of a stage must be free, not 'regroup'"),
        (
            lambda: chain(Stage("regroup", GearboxConfig(6, RANGE, 3, 3))),
            "Elements of a beat from input_edge to regroup must be 3, not 2",
        ),
        (
            lambda: chain(Stage("regroup", GearboxConfig(7, RANGE, 2, 3))),
            "Elements of a frame from input_edge to regroup must be 7, not 6",
        ),
        (
            lambda: chain(GEARBOX, output=AxiStreamOutputConfig(6, IntegerRange(0, 2), 3)),
            r"Range from regroup to output_edge must lie in \[0, 2\], not be \[0, 3\]",
        ),
        (
            lambda: chain(GEARBOX, output=AxiStreamOutputConfig(6, IntegerRange(0, 7), 3)),
            "Range from regroup to output_edge must have the width and sign of",
        ),
        (
            lambda: dataclasses.replace(chain(GEARBOX), build_hash=1 << 32),
            "Build hash must fit 32 bits, not 4294967296",
        ),
    ],
    ids=["empty", "name", "reserved", "twice", "count", "elements", "range", "width", "hash"],
)
def test_refusals(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_weight_buffers_must_fit_their_engines() -> None:
    config = random_toy(0).config
    at = next(at for at, stage in enumerate(config.stages) if stage.name == "layer_0")
    stage: Any = config.stages[at]

    def with_stage(new: Stage) -> None:
        stages = (*config.stages[:at], new, *config.stages[at + 1 :])
        dataclasses.replace(config, stages=stages)

    with pytest.raises(ValueError, match="Stage layer_0 must have a weight buffer"):
        with_stage(Stage("layer_0", stage.part))
    with pytest.raises(ValueError, match="Rows of the weight buffer of layer_0 must be"):
        longer = dataclasses.replace(
            stage.weights, row_count=stage.weights.row_count + 1, words=(*stage.weights.words, 0)
        )
        with_stage(Stage("layer_0", stage.part, longer))
    with pytest.raises(ValueError, match="Beats of the weight buffer of layer_0 must have"):
        wider = dataclasses.replace(stage.weights, count=stage.weights.count + 1)
        with_stage(Stage("layer_0", stage.part, wider))
    with pytest.raises(ValueError, match="Stage regroup must have no weight buffer"):
        chain(Stage("regroup", GEARBOX.part, stage.weights))


FORK = Stage("twice", ForkConfig(6, RANGE, 2, 2))
SUM = Stage("sum", AddStreamsConfig(6, (RANGE, RANGE), (1, 2), 2))
LINKS = (
    (("input_edge", "o"), ("twice", "i")),
    (("twice", "o0"), ("sum", "i0")),
    (("twice", "o1"), ("sum", "i1")),
    (("sum", "o"), ("output_edge", "i")),
)


def branches(links: Any, stages: tuple[Stage, ...] = (FORK, SUM)) -> AcceleratorConfig:
    entry, exit_ = AxiStreamInputConfig(6, RANGE, 2), AxiStreamOutputConfig(6, RANGE * 3, 2)
    return AcceleratorConfig("net", entry, stages, exit_, links=links)


def test_stages_may_branch() -> None:
    config = branches(LINKS)
    frames = np.random.default_rng(1).integers(0, 4, (3, 6))
    np.testing.assert_array_equal(config.compute(frames)["sum"], 3 * frames)
    assert len(config.network()[1]) == 4


@pytest.mark.parametrize(
    ("links", "stages", "message"),
    [
        (LINKS[1:], (FORK, SUM), "Stream o of input_edge must be linked once, not 0 times"),
        (
            (*LINKS, (("twice", "o0"), ("sum", "i1"))),
            (FORK, SUM),
            "Stream o0 of twice must be linked once, not 2 times",
        ),
        (
            (*LINKS, (("twice", "o2"), ("sum", "i2"))),
            (FORK, SUM),
            "Link must join streams that exist, not twice.o2",
        ),
        (LINKS, (SUM, FORK), "Stage sum must stand behind twice, which it reads"),
        ((), (FORK, SUM), "Stream o0 of twice must be linked once, not 0 times"),
    ],
)
def test_links_are_checked(links: Any, stages: tuple[Stage, ...], message: str) -> None:
    with pytest.raises(ValueError) as error:
        branches(links, stages)
    assert str(error.value) == message
