"""The weight stream as emitted Verilog: the engine's own packing, in the cycles of Amaranth."""

from __future__ import annotations

import numpy as np
import pytest

from sterna_hw.base import TERNARY, IntegerRange
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.trit_stream import TritStreamConfig
from sterna_hw.verilog import emit
from sterna_sim.lint import lint
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import rows_to_payloads
from sterna_sim.rtl_part_bench import RtlPartBench, RunSettings, Stimulus
from sterna_sim.stalls import PROFILES

PARTS = {
    "equal": TritStreamConfig(3, 3, 5, 1),
    "five_to_six": TritStreamConfig(5, 3, 5, 2),
    "plain": TritStreamConfig(2, 3, 4, 1, sign_fold=False),
    "deep": TritStreamConfig(2, 3, 4, 1, places=40, style="block"),
}
SHAPE = (7, 40)


def stimulus(config: TritStreamConfig) -> tuple[Stimulus, list[int]]:
    """Three matrices in, and the payloads that must come out."""
    words, expected = [], []
    engine = TableMatmulConfig(
        SHAPE[1],
        SHAPE[0],
        IntegerRange(-128, 127),
        TERNARY,
        queries=config.queries,
        group=config.group,
        tables=config.tables,
        sign_fold=config.sign_fold,
    )
    size = config.word_bytes
    for seed in range(3):
        weights = np.random.default_rng(seed).integers(-1, 2, SHAPE)
        image = config.pack_matrix(weights)
        words += [
            int.from_bytes(image[at : at + size], "little") for at in range(0, len(image), size)
        ]
        words[-1] |= 1 << (8 * size)
        rows = engine.pack(weights)
        expected += rows_to_payloads(rows, config.output_range, len(rows))
    return Stimulus({"i": words}, {"o": len(expected)}), expected


@pytest.fixture(scope="module")
def settings() -> list[RunSettings]:
    return [RunSettings(profile, 1) for profile in PROFILES] + [RunSettings("bursts", 2, 17)]


@pytest.fixture(scope="module")
def runs(settings: list[RunSettings]) -> list:
    bench = RtlPartBench({name: config.create() for name, config in PARTS.items()})
    return bench.run({name: stimulus(config)[0] for name, config in PARTS.items()}, settings)


@pytest.mark.parametrize("name", PARTS)
def test_equal_to_the_engines_packing_and_to_amaranth(name: str, settings, runs: list) -> None:
    given, expected = stimulus(PARTS[name])
    for setting, run in zip(settings, runs, strict=True):
        assert run[name].payloads() == expected, setting
    unstalled = settings.index(RunSettings("none", 1))
    part = PARTS[name].create()
    assert runs[unstalled][name] == run_part(part, given.inputs, given.outputs, "none", 1)


@pytest.mark.parametrize("name", PARTS)
def test_no_complaints(name: str) -> None:
    assert [str(message) for message in lint(emit(PARTS[name].create(), "top"), "top")] == []
