"""More than a hundred random kernels as Verilog: every word exact, every cycle as predicted.

They are compiled into a few models. What results must be is computed by the kernels' functions on
Python integers; when each beat must pass, by the cycle model from the part's timing. The ranges
that were proven must hold for every result, and arrays must give what integers give.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from sterna_hw.kernel import KernelConfig
from sterna_sim.part_run import PartRun
from sterna_sim.rtl_part_bench import RtlPartBench, RunSettings, Stimulus

from ..part_checks import assert_cycles
from .part_checks import (
    assert_equal,
    expected_outputs,
    from_payloads,
    random_frames,
    to_payloads,
)
from .random_kernels import random_config

SEEDS = range(120)
BATCH_SIZE = 20
SETTINGS = [
    RunSettings("none"),
    RunSettings("alternate", 1),
    RunSettings("one_in_eight", 2, reset_at=9),
]
FRAME_COUNT = 8


@cache
def config_of(seed: int) -> KernelConfig:
    return random_config(seed)


@cache
def runs_of_batch(batch: int) -> list[dict[str, PartRun]]:
    """Kernels of one compilation; one of them all would take the compiler far longer."""
    seeds = [seed for seed in SEEDS if seed // BATCH_SIZE == batch]
    bench = RtlPartBench({f"kernel{seed}": config_of(seed).create() for seed in seeds})
    stimuli = {}
    for seed in seeds:
        config = config_of(seed)
        payloads = to_payloads(config, random_frames(config, FRAME_COUNT, seed))
        stimuli[f"kernel{seed}"] = Stimulus({"i": payloads}, {"o": len(payloads)})
    return bench.run(stimuli, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed{seed}")
def test_exact_in_verilator_with_predicted_cycles(seed: int) -> None:
    config, runs = config_of(seed), runs_of_batch(seed // BATCH_SIZE)
    expected = expected_outputs(config, random_frames(config, FRAME_COUNT, seed))
    for run in runs:
        assert_equal(from_payloads(config, run[f"kernel{seed}"].payloads()), expected)
    assert_cycles(config.timing(), runs[0][f"kernel{seed}"])


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed{seed}")
def test_arrays_give_what_integers_give(seed: int) -> None:
    config = config_of(seed)
    frames = random_frames(config, FRAME_COUNT, seed)
    expected = expected_outputs(config, frames)
    results = config.compute(*frames.values())
    results = results if isinstance(results, tuple) else (results,)
    for values, (name, wanted) in zip(results, expected.items(), strict=True):
        assert values.dtype == np.int64
        np.testing.assert_array_equal(values, wanted)
        assert config.result_ranges[name].contains(values)


def test_the_draw_is_broad() -> None:
    """Every primitive, shared multipliers and every kind of table occur."""
    operations, shared, memories = set(), 0, set()
    for seed in SEEDS:
        config = config_of(seed)
        nodes = config.pipeline.timetable.nodes
        operations |= {node.operation for node in nodes}
        memories |= {len(node.detail) for node in nodes if node.operation == "table"}
        if config.interval > 1:
            shared += any(len(unit.starts) > 1 for unit in config.shared.units)
    assert operations == {
        "input", "constant", "add", "subtract", "multiply", "less", "equal", "select", "shift",
        "low_bits", "signed_bits", "join", "and", "or", "xor", "table",
    }  # fmt: skip
    assert shared >= 5
    assert memories >= {4, 32, 64, 128, 512}
