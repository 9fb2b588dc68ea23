"""A whole decoder with its memory on the chip, in Verilator: nothing outside but the registers."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna.decoder.engine import GoldenEngine, continue_text
from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.lowering import lower_decoder
from sterna.decoder.sampling import Sampler
from sterna.decoder.synthetic import synthetic_checkpoint
from sterna_sim.decoder.random_cases import DecoderCase, check_case, open_case
from tests.sw.decoder.random_decoder import ON_CHIP, TINY


@pytest.fixture(scope="module")
def case() -> DecoderCase:
    return DecoderCase(lower_decoder(synthetic_checkpoint(TINY, 4)), ON_CHIP, [7, 30, 2, 9, 11], 4)


def test_all_codes_and_logits(case: DecoderCase, tmp_path: Path) -> None:
    result = check_case(case, tmp_path)
    assert result.problem is None
    assert result.compared.logits == case.count * case.model.shape.vocabulary
    config = case.hardware.accelerator(case.model)
    assert len(config.memories) == 1
    model = DecoderEstimate(config.core, case.hardware.memory_timing)
    estimated = model.run(len(case.prompt), case.count)
    simulated = result.run.counters
    assert estimated.words == simulated["words"]
    assert abs(estimated.cycles / simulated["busy_cycles"] - 1) <= 0.01


def test_the_cache_outlives_runs_and_recovery(case: DecoderCase, tmp_path: Path) -> None:
    """Drawn tokens run after run; an error and what follows it; and the first run once more."""
    best = case.hardware.best_count
    golden = list(
        continue_text(GoldenEngine(case.model, best), case.prompt, 4, Sampler(50.0, best, seed=2))
    )
    with open_case(case, tmp_path) as decoder:
        drawn = list(continue_text(decoder, case.prompt, 4, Sampler(50.0, best, seed=2)))
        assert [token for token, _ in drawn] == [token for token, _ in golden]
        for (_, expected), (_, got) in zip(golden, drawn):
            assert got.candidates == expected.candidates
        # The design knows the words of its memory; fewer are believed, and found to be too few.
        words = decoder.layout.memory_bytes // 16
        assert decoder.read("memory_words")["value"] == words
        decoder.write("memory_words", decoder.layout.sections["head"].address // 16)
        failed = decoder.run_whole(case.prompt, 1)
        assert "memory_range" in failed.errors and failed.failed
        decoder.write("memory_words", words)
        decoder.write("control", 0b100)
        while decoder.read("status")["recovering"] or not decoder.read("status")["idle"]:
            pass
        expected_tokens = GoldenDecoder(case.model).generate(case.prompt, 2)
        assert decoder.run_whole(case.prompt, 2).tokens == expected_tokens
