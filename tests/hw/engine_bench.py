"""What engines with a stream of weights are held to: exact under stalls, exact cycles, recovery.

Results are compared with a plain matrix product in numpy, never with the engine's own ``compute``
alone.
"""

from __future__ import annotations

import random

import numpy as np

from sterna.cycles import Network, simulate_network
from sterna_hw.base import BINARY, SHIFTS, TERNARY, TWO_BIT, Alphabet, IntegerRange
from sterna_hw.mac_matmul import MacMatmulConfig
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import PartRun
from sterna_sim.payloads import rows_to_payloads, split_payload
from sterna_sim.stalls import PROFILES

EngineConfig = TableMatmulConfig | SelectMatmulConfig | MacMatmulConfig
RANGES = [(0, 1), (0, 3), (-8, 7), (0, 255), (-128, 127), (2, 5), (-3, -1), (-1, 1)]
ALPHABETS = [TERNARY, TERNARY, TERNARY, BINARY, TWO_BIT, SHIFTS]


def random_problem(generator: random.Random) -> dict:
    """The fields of `MatmulConfig`, small and seldom dividing each other."""
    alphabet = generator.choice(ALPHABETS)
    outputs = generator.randint(1, 9)
    return {
        "inputs": generator.randint(1, 20),
        "outputs": outputs,
        "input_range": IntegerRange(*generator.choice(RANGES)),
        "alphabet": alphabet,
        "planes": generator.choice([1, 2, 3, 4]) if alphabet == TERNARY else 1,
        "queries": generator.randint(1, min(outputs, 4)),
        "lanes": generator.choice([1, 1, 2, 3]),
        "places": generator.choice([0, 0, 0, 1, 3]),
    }


def random_weights(config: EngineConfig, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = (config.outputs, config.inputs)
    if config.planes == 1:
        return generator.choice(config.alphabet.values, shape)
    limit = (3**config.planes - 1) // 2
    return generator.integers(-limit, limit + 1, shape)


def random_activations(config: EngineConfig, frames: int, seed: int) -> np.ndarray:
    """Shape [frames, lanes, inputs]; the ends of the range more often than by chance."""
    generator = np.random.default_rng(seed + 1000)
    low, high = config.input_range.low, config.input_range.high
    shape = (frames, config.lanes, config.inputs)
    values = generator.integers(low, high + 1, shape)
    ends = generator.choice([low, high], shape)
    return np.where(generator.random(shape) < 0.3, ends, values)


def plain_product(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.einsum("fln,mn->flm", activations, weights)


def input_payloads(config: EngineConfig, activations: np.ndarray) -> list[int]:
    """Beats of ``i``: element ``lane*block_inputs + input``, zero behind the end of a frame."""
    frames, lanes, inputs = activations.shape
    padded = np.zeros((frames, lanes, config.input_blocks * config.block_inputs), dtype=np.int64)
    padded[:, :, :inputs] = activations
    blocks = padded.reshape(frames, lanes, config.input_blocks, config.block_inputs)
    rows = blocks.transpose(0, 2, 1, 3).reshape(frames * config.input_blocks, -1)
    return rows_to_payloads(rows, config.input_range.with_zero(), config.input_blocks)


def weight_payloads(config: EngineConfig, weights: np.ndarray, frames: int) -> list[int]:
    return rows_to_payloads(config.pack(weights), config.word_range, config.row_count) * frames


def result_frames(config: EngineConfig, payloads: list[int]) -> np.ndarray:
    """Results [frames, lanes, outputs] from the beats of ``o``; checks ``last`` and the padding."""
    count = config.lanes * config.queries
    rows = []
    for number, payload in enumerate(payloads):
        elements, last = split_payload(payload, config.result_range, count)
        assert last == (number % config.output_blocks == config.output_blocks - 1)
        rows.append(elements)
    beats = np.array(rows).reshape(-1, config.output_blocks, config.lanes, config.queries)
    frames = beats.transpose(0, 2, 1, 3).reshape(len(beats), config.lanes, -1)
    assert not frames[:, :, config.outputs :].any()
    return frames[:, :, : config.outputs]


def run_engine(
    config: EngineConfig,
    activations: np.ndarray,
    weights: np.ndarray,
    profile: str = "none",
    seed: int = 0,
    reset_at: int | None = None,
) -> PartRun:
    frames = len(activations)
    beats = {
        "i": input_payloads(config, activations),
        "weights": weight_payloads(config, weights, frames),
    }
    count = frames * config.output_blocks
    return run_part(config.create(), beats, {"o": count}, profile, seed, reset_at=reset_at)


def check_engine(config: EngineConfig, seed: int, frames: int = 3) -> None:
    """Exact under stalls and without, cycles equal to the timing, and again after a reset."""
    weights = random_weights(config, seed)
    activations = random_activations(config, frames, seed)
    expected = plain_product(activations, weights)
    np.testing.assert_array_equal(config.compute(activations, weights), expected)

    free = run_engine(config, activations, weights, seed=seed)
    np.testing.assert_array_equal(result_frames(config, free.payloads()), expected)
    assert_engine_cycles(config, free)

    names = [name for name in PROFILES if name != "none"]
    profile = names[seed % len(names)]
    stalled = run_engine(config, activations, weights, profile, seed)
    np.testing.assert_array_equal(result_frames(config, stalled.payloads()), expected)

    reset_at = random.Random(seed).randrange(2, 60)
    again = run_engine(config, activations, weights, "seven_in_eight", seed, reset_at)
    np.testing.assert_array_equal(result_frames(config, again.payloads()), expected)


def assert_engine_cycles(config: EngineConfig, run: PartRun) -> None:
    """Every transfer on every port in the cycle that the timing says: difference 0."""
    offered = {("engine", port): len(run.cycles(port)) for port in ("i", "weights")}
    times = simulate_network(Network({"engine": config.timing()}, []), offered).transfers
    for port in ("i", "weights", "o"):
        assert run.cycles(port) == times["engine", port].tolist(), port


def frame_interval(config: EngineConfig, frames: int = 6) -> int:
    """Cycles between the ends of the last two frames, by the timing."""
    offered = {
        ("engine", "i"): frames * config.input_blocks,
        ("engine", "weights"): frames * config.row_count,
    }
    network = Network({"engine": config.timing()}, [])
    ends = simulate_network(network, offered).transfers["engine", "o"]
    return int(ends[-1] - ends[-1 - config.output_blocks])


def alphabet_of(name: str) -> Alphabet:
    return {"ternary": TERNARY, "binary": BINARY, "two_bit": TWO_BIT, "shifts": SHIFTS}[name]
