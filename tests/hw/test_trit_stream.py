"""The weight stream: an engine's own packing from a memory image, under stalls, in exact cycles."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import TERNARY, IntegerRange, find_device
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.trit_stream import TritStreamConfig
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import PartRun
from sterna_sim.payloads import rows_to_payloads, split_payload
from sterna_sim.stalls import PROFILES


def words(config: TritStreamConfig, image: bytes) -> list[int]:
    """Payloads of an image: words in little-endian order, ``last`` on top of the last one."""
    size = config.word_bytes
    found = [int.from_bytes(image[at : at + size], "little") for at in range(0, len(image), size)]
    found[-1] |= 1 << (8 * size)
    return found


def engine_rows(config: TritStreamConfig, weights: np.ndarray) -> np.ndarray:
    outputs, inputs = weights.shape
    engine = TableMatmulConfig(
        inputs,
        outputs,
        IntegerRange(-128, 127),
        TERNARY,
        queries=config.queries,
        group=config.group,
        tables=config.tables,
        sign_fold=config.sign_fold,
    )
    return engine.pack(weights)


def run_matrices(
    config: TritStreamConfig, matrices: list[np.ndarray], profile: str, seed: int, **options
) -> PartRun:
    payloads = [word for matrix in matrices for word in words(config, config.pack_matrix(matrix))]
    beats = sum(config.beats(*matrix.shape) for matrix in matrices)
    return run_part(config.create(), {"i": payloads}, {"o": beats}, profile, seed, **options)


def expected_payloads(config: TritStreamConfig, matrices: list[np.ndarray]) -> list[int]:
    found = []
    for matrix in matrices:
        rows = engine_rows(config, matrix)
        found += rows_to_payloads(rows, config.output_range, len(rows))
    return found


def random_matrix(generator: np.random.Generator, config: TritStreamConfig) -> np.ndarray:
    # As an engine is built for a matrix, it has at least one whole beat.
    low = (config.queries, config.group * (config.tables - 1) + 1)
    outputs, inputs = (int(generator.integers(a, 3 * a + 8)) for a in low)
    return generator.integers(-1, 2, (outputs, inputs))


def check(config: TritStreamConfig, seed: int) -> None:
    generator = np.random.default_rng(seed)
    matrices = [random_matrix(generator, config) for _ in range(4)]
    expected = expected_payloads(config, matrices)
    for matrix in matrices:
        image = config.pack_matrix(matrix)
        assert len(image) == config.word_bytes * config.words(*matrix.shape)
        np.testing.assert_array_equal(config.compute(image), engine_rows(config, matrix))
    profile = list(PROFILES)[seed % len(PROFILES)]
    assert run_matrices(config, matrices, profile, seed).payloads() == expected
    reset_at = random.Random(seed).randrange(2, 30)
    again = run_matrices(config, matrices, "seven_in_eight", seed, reset_at=reset_at)
    assert again.payloads() == expected

    same = [matrices[0]] * 5
    free = run_matrices(config, same, "none", seed)
    assert free.payloads() == expected_payloads(config, same)
    timing = config.timing(config.beats(*matrices[0].shape))
    times = simulate_network(Network({"part": timing}, []), len(free.cycles("i"))).transfers
    assert free.cycles("i") == times["part", "i"].tolist()
    assert free.cycles("o") == times["part", "o"].tolist()


CORNERS = {
    "beat-is-a-word": TritStreamConfig(3, 3, 5, 1),
    "beat-is-two-words": TritStreamConfig(3, 3, 5, 2),
    "one-trit-more": TritStreamConfig(1, 2, 3, 1),
    "one-group": TritStreamConfig(1, 6, 1, 1, sign_fold=False),
    "groups-of-one": TritStreamConfig(1, 1, 4, 2),
    "not-folded": TritStreamConfig(2, 3, 4, 1, sign_fold=False),
    "five-to-six": TritStreamConfig(5, 3, 5, 2),
    "one-place": TritStreamConfig(2, 3, 4, 1, places=1),
    "few-places": TritStreamConfig(2, 3, 4, 1, places=3),
    "block": TritStreamConfig(2, 3, 4, 1, places=40, style="block"),
    "ultra": TritStreamConfig(2, 3, 4, 1, places=3, style="ultra"),
}


@pytest.mark.parametrize("name", CORNERS)
def test_corner(name: str) -> None:
    check(CORNERS[name], 7)


@pytest.mark.parametrize("seed", range(24), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    group, tables, queries = (generator.randint(1, most) for most in (4, 5, 4))
    most = group * tables * queries // 5
    if most == 0:
        group, tables, most = 3, 2, 1
    config = TritStreamConfig(
        generator.randint(max(1, most // 2), most),
        group,
        tables,
        queries,
        generator.random() < 0.7,
        generator.choice([2, 8, 9, 32]),
        generator.choice(["distributed", "distributed", "block"]),
    )
    check(config, seed)


def test_sustains_a_word_a_cycle() -> None:
    config = TritStreamConfig(5, 3, 5, 2)
    matrix = np.random.default_rng(1).integers(-1, 2, (40, 45))
    taken = run_matrices(config, [matrix] * 3, "none", 1).cycles("i")
    assert taken == list(range(len(taken)))


def test_the_shape_for_four_ports() -> None:
    config = TritStreamConfig(64, 3, 16, 8)
    matrix = np.random.default_rng(2).integers(-1, 2, (50, 100))
    assert config.beats(50, 100) == 3 * 7
    assert config.words(50, 100) == 26 == -(-21 * 384 // 320)
    run = run_matrices(config, [matrix], "none", 2)
    assert run.payloads() == expected_payloads(config, [matrix])
    _, last = split_payload(run.payloads()[-1], config.output_range, config.groups)
    assert last


@pytest.mark.parametrize(("cut", "error"), [(0, 0), (1, 1)])
def test_a_matrix_cut_off_in_a_shared_word_is_an_error(cut: int, error: int) -> None:
    from amaranth.sim import Simulator

    config = TritStreamConfig(2, 3, 4, 1)  # five own words to a shared one
    image = config.pack_matrix(np.ones((1, 12 * 6), dtype=np.int8))
    assert len(image) == 2 * 8
    payloads = words(config, image[: 14 if cut else 16])
    part, seen = config.create(), []

    async def bench(ctx):
        ctx.set(part.o.ready, 1)
        ctx.set(part.i.valid, 1)
        for payload in payloads:
            ctx.set(part.i.payload.as_value(), payload)
            await ctx.tick()
        ctx.set(part.i.valid, 0)
        await ctx.tick().repeat(3)
        seen.append(ctx.get(part.error))

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [error]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 3, 2, 3), "Weights of a beat must be at least the 20 of a memory word, not 18"),
        ((1, 0, 2, 3), "Group must be 1 or more, not 0"),
        ((1, 3, 0, 3), "Tables must be 1 or more, not 0"),
        ((1, 3, 2, -1), "Queries must be 1 or more, not -1"),
        ((1, 3, 2, 3, True, 0), "Places must be 1 or more, not 0"),
    ],
)
def test_errors(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError) as error:
        TritStreamConfig(*arguments)
    assert str(error.value) == message


def test_other_weights_are_refused() -> None:
    config = TritStreamConfig(1, 3, 2, 1)
    with pytest.raises(ValueError, match="Trits must be -1, 0 or 1, not 2"):
        config.pack_matrix(np.full((2, 2), 2))
    with pytest.raises(ValueError, match="Weights must be a matrix, not of shape"):
        config.pack_matrix(np.zeros(4))


def test_costs_grow_with_the_word() -> None:
    device = find_device("xck26")
    narrow, wide = (TritStreamConfig(16 * ports, 3, 16, 8).cost(device).lut for ports in (1, 4))
    assert narrow < wide
