"""The decoder's engine against a plain matrix product: data, cycles, stalls, resets, refusals."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_hw.base import DEVICES
from sterna_hw.decoder.leaf_sums import DspSums
from sterna_hw.decoder.token_matmul import TokenMatmulConfig
from sterna_hw.trit_stream import TritStreamConfig

from .engine_run import EngineRun, Job, run_token_matmul


def random_config(seed: int) -> TokenMatmulConfig:
    generator = random.Random(seed)
    queries = generator.choice([1, 2, 2, 4])
    tables = queries * generator.choice([1, 2, 2, 4])
    parts = [0, 0, *(1 << n for n in range(tables.bit_length()) if tables % (1 << n) == 0)]
    return TokenMatmulConfig(
        lanes=generator.randint(1, 6),
        queries=queries,
        tables=tables,
        largest_inputs=generator.randint(20, 70),
        largest_outputs=generator.randint(8, 40),
        group=generator.choice([1, 2, 3, 3, 3]),
        sign_fold=generator.random() < 0.7,
        buffers=generator.choice([1, 2, 2]),
        adders=generator.choice(["logic", "three", "dsp"]),
        fill_parts=generator.choice(parts),
    )


def small(**fields) -> TokenMatmulConfig:
    values = {"lanes": 2, "queries": 2, "tables": 4, "largest_inputs": 60, "largest_outputs": 24}
    return TokenMatmulConfig(**{**values, **fields})


def random_job(config: TokenMatmulConfig, generator: np.random.Generator) -> Job:
    """A matrix of any size that fits, and a drain of each lane, some in two parts."""
    inputs = int(generator.integers(1, config.largest_inputs + 1))
    most = generator.choice([5 * config.queries, config.largest_outputs])
    outputs = int(generator.integers(1, min(most, config.largest_outputs) + 1))
    activations = generator.integers(-127, 128, (config.lanes, inputs))
    extreme = generator.choice([-127, 127], activations.shape)
    activations = np.where(generator.random(activations.shape) < 0.3, extreme, activations)
    blocks = config.output_blocks(outputs)
    drains = []
    for lane in generator.permutation(config.lanes).tolist():
        cut = int(generator.integers(0, blocks))
        parts = [(0, cut), (cut, blocks - cut)] if cut else [(0, blocks)]
        drains += [(lane, first, count) for first, count in parts]
    return Job(activations, generator.integers(-1, 2, (outputs, inputs)), drains)


def random_jobs(config: TokenMatmulConfig, seed: int, count: int = 3) -> list[Job]:
    generator = np.random.default_rng(seed)
    return [random_job(config, generator) for _ in range(count)]


def check_frames(config: TokenMatmulConfig, jobs: list[Job], run: EngineRun) -> None:
    frames = iter(run.frames)
    for job in jobs:
        expected = np.zeros(
            (config.lanes, config.output_blocks(len(job.weights)) * config.queries), dtype=np.int64
        )
        expected[:, : len(job.weights)] = job.activations @ job.weights.T
        for lane, first, blocks in job.drains:
            part = expected[lane, first * config.queries :][: blocks * config.queries]
            np.testing.assert_array_equal(next(frames), part)
    assert next(frames, None) is None


def check_cycles(config: TokenMatmulConfig, jobs: list[Job], run: EngineRun) -> None:
    assert run.matmul_cycles == [
        config.cycles(config.input_blocks(inputs), config.output_blocks(outputs))
        for outputs, inputs in (job.weights.shape for job in jobs)
    ]
    assert run.drain_cycles == [
        config.drain_cycles(blocks) for job in jobs for _, _, blocks in job.drains
    ]


@pytest.mark.parametrize("seed", range(18), ids=lambda seed: f"seed{seed}")
def test_random_configuration(seed):
    config = random_config(seed)
    jobs = random_jobs(config, seed)
    free = run_token_matmul(config, jobs, seed)
    check_frames(config, jobs, free)
    check_cycles(config, jobs, free)
    stalled = run_token_matmul(config, jobs, seed, rate=(0.2, 0.5, 0.9)[seed % 3])
    check_frames(config, jobs, stalled)


@pytest.mark.parametrize("adders", ["logic", "three", "dsp"])
@pytest.mark.parametrize("buffers", [1, 2])
@pytest.mark.parametrize("outputs", [1, 3, 8])
def test_few_output_blocks_stay_correct(adders, buffers, outputs):
    """Totals are read again as soon as they may be, also when both buffers are full at once."""
    config = small(adders=adders, buffers=buffers, largest_inputs=96)
    generator = np.random.default_rng(outputs)
    job = Job(
        generator.integers(-127, 128, (2, 96)),
        generator.integers(-1, 2, (outputs, 96)),
        [(lane, 0, config.output_blocks(outputs)) for lane in range(2)],
    )
    for rate in (1.0, 0.05):
        run = run_token_matmul(config, [job, job], outputs, rate=rate)
        check_frames(config, [job, job], run)
        if rate == 1.0:
            check_cycles(config, [job, job], run)


@pytest.mark.parametrize("adders", ["logic", "dsp"])
@pytest.mark.parametrize("reset_at", [1, 14, 19, 25, 33])
def test_reset_in_the_middle(adders, reset_at):
    config = small(adders=adders)
    jobs = random_jobs(config, reset_at, count=2)
    run = run_token_matmul(config, jobs, reset_at, reset_at=reset_at)
    check_frames(config, jobs, run)
    check_cycles(config, jobs, run)


@pytest.mark.parametrize("adders", ["logic", "three", "dsp"])
def test_extreme_sums_do_not_overflow(adders):
    config = small(adders=adders, tables=16, lanes=4)
    weights = np.ones((24, 60), dtype=np.int64)
    weights[1::2] = -1
    activations = np.array([[127], [-127], [127], [-127]]) * np.ones(60, dtype=np.int64)
    job = Job(activations, weights, [(lane, 0, 12) for lane in range(4)])
    check_frames(config, [job], run_token_matmul(config, [job], 1))


def test_a_planted_wrong_weight_shows():
    """The bench can fail: one weight changed changes that output of every lane, and no other."""
    config = small()
    job = random_jobs(config, 5, count=1)[0]
    job.activations[:, -1] = 7
    wrong = job.weights.copy()
    wrong[-1, -1] = 1 if job.weights[-1, -1] != 1 else -1
    run = run_token_matmul(config, [Job(job.activations, wrong, job.drains)], 5)
    with pytest.raises(AssertionError):
        check_frames(config, [job], run)
    check_frames(config, [Job(job.activations, wrong, job.drains)], run)


@pytest.mark.parametrize("fold", [False, True], ids=["full", "fold"])
def test_stream_of_trits_makes_the_same_beats(fold):
    """What external memory holds of an arranged matrix becomes what the engine takes."""
    config = small(sign_fold=fold)
    stream = TritStreamConfig(4, config.group, config.tables, config.queries, fold)
    weights = np.random.default_rng(3).integers(-1, 2, (9, 50)).astype(np.int8)
    image = stream.pack_matrix(config.arrange(weights))
    np.testing.assert_array_equal(stream.compute(image), config.pack(weights))


def test_sustained_rate_of_the_large_engine():
    """A matrix of the 0.7B shape at 384 weights a cycle but for the first fill and the pipeline."""
    config = TokenMatmulConfig(8, 8, 16, largest_inputs=4096, largest_outputs=8192)
    assert config.cycles(32, 1024) == 32 * 1024 + 2 * 14 + 3 + config.sums.read_offset + 4
    assert 1536 * 8192 / config.cycles(32, 1024) > 1.1 * 320


@pytest.mark.parametrize("tables", [1, 2, 4, 8, 16, 32, 64])
def test_every_table_is_in_one_chain(tables):
    sums = small(queries=1, tables=tables, adders="dsp", largest_inputs=200).sums
    assert isinstance(sums, DspSums)
    assert [table for chain in sums.chains for table in chain] == list(range(tables))
    assert [chain for group in sums.groups for chain in group] == list(range(len(sums.chains)))
    assert max(len(chain) for chain in sums.chains) <= 5
    assert len(sums.groups) <= 3


def test_cost_counts_memories_and_blocks():
    device = DEVICES["xck26"]
    config = TokenMatmulConfig(8, 8, 16, 4096, 8192, adders="dsp")
    cost = config.cost(device)
    assert cost.dsp == 192 + 64 + 16
    # Two slices of activations for each lane (T/V), and the totals.
    assert cost.bram == 8 + 36


REFUSED = {
    "no-lanes": ({"lanes": 0}, "Lanes must be 1 or more, not 0"),
    "too-many-lanes": ({"lanes": 17}, "Lanes must be 1 to 16, not 17"),
    "no-outputs": ({"largest_outputs": 0}, "Largest outputs must be 1 or more, not 0"),
    "three-buffers": ({"buffers": 3}, "Buffers must be 1 or 2, not 3"),
    "adders": ({"adders": "magic"}, "Adders must be logic, three or dsp, not 'magic'"),
    "totals": ({"totals": "paper"}, "Totals must be block or ultra, not 'paper'"),
    "tables": (
        {"tables": 6},
        r"Tables must be 2 \(the queries\) times a power of two, not 6",
    ),
    "parts": ({"fill_parts": 3}, "Fill parts must be a power of two that divides 4, not 3"),
    "many-parts": ({"fill_parts": 8}, "Fill parts must be a power of two that divides 4, not 8"),
    "inputs": ({"largest_inputs": 70000}, "Largest inputs must be at most 66052, not 70000"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    fields, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        small(**fields)
