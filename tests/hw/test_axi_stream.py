"""AXI4-Stream edges: data, timing, wrong TLAST, range flags, the gate, TKEEP."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from sterna.cycles import Network, simulate_network
from sterna_hw.axi_stream import AxiStreamOutputConfig, element_bytes
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import IntegerRange
from sterna_hw.beat import to_beats
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import frames_to_payloads, payloads_to_frames
from sterna_sim.stalls import PROFILES

RANGES = (
    IntegerRange(0, 255),
    IntegerRange(0, 15),
    IntegerRange(0, 9),
    IntegerRange(-8, 7),
    IntegerRange(-3, 5),
    IntegerRange(-128, 127),
    IntegerRange(0, 1),
    IntegerRange(-1000, 1000),
    IntegerRange(-(2**20), 2**20),
)


def seeds(count: int):
    return pytest.mark.parametrize("seed", range(count), ids=lambda s: f"seed{s}")


def random_shape(seed: int) -> tuple[np.random.Generator, int, IntegerRange, int]:
    generator = np.random.default_rng(seed)
    elements, count = int(generator.integers(1, 20)), int(generator.integers(1, 9))
    return generator, elements, RANGES[seed % len(RANGES)], count


def axi_payload(beat: np.ndarray, last: bool, values: IntegerRange) -> int:
    """TDATA and TLAST as one number, straight from the definition of the byte lanes."""
    size = element_bytes(values)
    lanes = b"".join(
        (int(value) % (1 << (8 * size))).to_bytes(size, "little") for value in beat.tolist()
    )
    return int.from_bytes(lanes, "little") | int(last) << (8 * len(lanes))


def axi_frames(frames: np.ndarray, values: IntegerRange, count: int) -> list[int]:
    payloads = []
    for frame in to_beats(frames, count):
        payloads += [
            axi_payload(beat, index == len(frame) - 1, values) for index, beat in enumerate(frame)
        ]
    return payloads


@seeds(18)
def test_frames_pass_both_edges(seed: int) -> None:
    generator, elements, values, count = random_shape(seed)
    profile = list(PROFILES)[seed % len(PROFILES)]
    frames = generator.integers(values.low, values.high + 1, (4, elements))
    enters = AxiStreamInputConfig(elements, values, count)
    leaves = AxiStreamOutputConfig(elements, values, count)
    axi, inner = axi_frames(frames, values, count), frames_to_payloads(frames, values, count)
    run = run_part(enters.create(), {"i": axi}, {"o": len(inner)}, profile, seed)
    assert run.payloads() == inner
    run = run_part(leaves.create(), {"i": inner}, {"o": len(axi)}, profile, seed)
    assert run.payloads() == axi
    assert np.array_equal(leaves.compute(frames), frames)


@seeds(6)
def test_cycles_are_those_of_the_model(seed: int) -> None:
    generator, elements, values, count = random_shape(seed)
    frames = generator.integers(values.low, values.high + 1, (3, elements))
    axi, inner = axi_frames(frames, values, count), frames_to_payloads(frames, values, count)
    for config, payloads in (
        (AxiStreamInputConfig(elements, values, count), axi),
        (AxiStreamOutputConfig(elements, values, count), inner),
    ):
        run = run_part(config.create(), {"i": payloads}, {"o": len(payloads)})
        times = simulate_network(Network({"edge": config.timing()}, []), len(payloads))
        for port in ("i", "o"):
            assert run.cycles(port) == times.transfers["edge", port].tolist()


@seeds(20)
def test_wrong_ends_are_mended_at_the_next_frame(seed: int) -> None:
    """Random lengths around the right one: each TLAST makes exactly one whole frame."""
    generator, elements, values, count = random_shape(seed)
    config = AxiStreamInputConfig(elements, values, count)
    beats, last, expected = [], [], []
    for _ in range(6):
        length = int(generator.integers(1, 2 * config.beats + 2))
        frame = generator.integers(values.low, values.high + 1, (length, count))
        beats.append(frame)
        last += [False] * (length - 1) + [True]
        whole = np.zeros(max(length, config.beats) * count, dtype=np.int64)
        whole[: length * count] = frame.ravel()
        expected.append(whole[:elements])
    stacked = np.concatenate(beats)
    payloads = [axi_payload(beat, end, values) for beat, end in zip(stacked, last)]
    profile = list(PROFILES)[seed % len(PROFILES)]
    run = run_part(config.create(), {"i": payloads}, {"o": 6 * config.beats}, profile, seed)
    got = payloads_to_frames(run.payloads(), values, count, elements)
    assert np.array_equal(got, np.array(expected))
    assert np.array_equal(config.compute(stacked, np.array(last)), np.array(expected))


@seeds(6)
def test_reset_in_mid_frame(seed: int) -> None:
    generator, elements, values, count = random_shape(seed)
    frames = generator.integers(values.low, values.high + 1, (4, elements))
    config = AxiStreamInputConfig(elements, values, count)
    axi, inner = axi_frames(frames, values, count), frames_to_payloads(frames, values, count)
    run = run_part(
        config.create(), {"i": axi}, {"o": len(inner)}, "independent_ends", seed, reset_at=3 + seed
    )
    assert run.payloads() == inner


def count_events(config: AxiStreamInputConfig, payloads: list[int], opens_at: int = 0) -> dict:
    """Plays payloads into an input edge; counts each event and notes when the first one entered."""
    edge = config.create()
    module = Module()
    module.submodules.edge = edge
    events = {"frame_begun": 0, "short_frame": 0, "long_frame": 0, "element_range": 0}
    entered: list[int] = []

    async def testbench(ctx) -> None:
        rest, cycle = list(payloads), 0
        ctx.set(edge.o.ready, 1)
        while rest or cycle < 40:
            ctx.set(edge.open, cycle >= opens_at)
            ctx.set(edge.i.valid, bool(rest))
            ctx.set(edge.i.payload.as_value(), rest[0] if rest else 0)
            if rest and ctx.get(edge.i.ready):
                entered.append(cycle)
                rest.pop(0)
            for name in events:
                events[name] += ctx.get(getattr(edge, name))
            await ctx.tick()
            cycle += 1
        for _ in range(4):
            for name in events:
                events[name] += ctx.get(getattr(edge, name))
            await ctx.tick()

    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return {**events, "first": entered[0]}


@pytest.mark.parametrize(
    ("lengths", "short", "long"),
    [((3, 3), 0, 0), ((1, 3), 1, 0), ((5, 3), 0, 1), ((2, 4, 3, 1), 2, 1)],
    ids=["right", "short", "long", "mixed"],
)
def test_ends_raise_their_flags(lengths: tuple[int, ...], short: int, long: int) -> None:
    config = AxiStreamInputConfig(6, IntegerRange(0, 15), 2)
    payloads = []
    for length in lengths:
        payloads += [axi_payload(np.array([1, 2]), False, config.values)] * (length - 1)
        payloads.append(axi_payload(np.array([3, 4]), True, config.values))
    assert count_events(config, payloads) == {
        "frame_begun": len(lengths),
        "short_frame": short,
        "long_frame": long,
        "element_range": 0,
        "first": 0,
    }


@pytest.mark.parametrize("values", RANGES, ids=str)
def test_every_value_outside_the_range_is_flagged(values: IntegerRange) -> None:
    """Each padded pattern near the ends of the range, and some far away, one frame each."""
    config = AxiStreamInputConfig(1, values, 1)
    padded = IntegerRange.of_width(8 * element_bytes(values), values.signed)
    near = [end + step for end in (values.low, values.high) for step in (-2, -1, 0, 1, 2)]
    tried = {value for value in (*near, padded.low, padded.high, 0) if padded.contains(value)}
    for value in sorted(tried):
        events = count_events(config, [axi_payload(np.array([value]), True, values)])
        assert events["element_range"] == (not values.contains(value)), value


def test_padding_behind_the_frame_is_not_flagged_and_becomes_zero() -> None:
    config = AxiStreamInputConfig(3, IntegerRange(0, 9), 2)
    payloads = [
        axi_payload(np.array([1, 2]), False, config.values),
        axi_payload(np.array([3, 200]), True, config.values),
    ]
    assert count_events(config, payloads)["element_range"] == 0
    run = run_part(config.create(), {"i": payloads}, {"o": 2})
    assert payloads_to_frames(run.payloads(), config.values, 2, 3).tolist() == [[1, 2, 3]]


def test_a_closed_edge_takes_no_new_frame() -> None:
    config = AxiStreamInputConfig(4, IntegerRange(0, 15), 2)
    payloads = axi_frames(np.arange(8).reshape(2, 4), config.values, 2)
    assert count_events(config, payloads, opens_at=7)["first"] == 7


def test_keep_marks_the_bytes_of_the_frame() -> None:
    config = AxiStreamOutputConfig(5, IntegerRange(-300, 300), 2)
    edge = config.create()
    module = Module()
    module.submodules.edge = edge
    seen: list[int] = []

    async def testbench(ctx) -> None:
        rest = frames_to_payloads(np.array([[1, -2, 3, -4, 300]]), config.values, 2)
        ctx.set(edge.o.ready, 1)
        for _ in range(8):
            ctx.set(edge.i.valid, bool(rest))
            ctx.set(edge.i.payload.as_value(), rest.pop(0) if rest else 0)
            if ctx.get(edge.o.valid):
                seen.append(ctx.get(edge.keep))
            await ctx.tick()

    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert seen == [0b1111, 0b1111, 0b0011]


@pytest.mark.parametrize("config", [AxiStreamInputConfig, AxiStreamOutputConfig])
def test_refusals(config: type) -> None:
    with pytest.raises(ValueError, match="Elements of a stream edge must be 1 or more, not 0"):
        config(0, IntegerRange(0, 1), 1)
    with pytest.raises(ValueError, match="Count of a stream edge must be 1 or more, not -1"):
        config(1, IntegerRange(0, 1), -1)
