"""Whole decoders in Verilator: all codes, all logits, all tokens equal to the golden model's."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from sterna.decoder.engine import GoldenEngine, continue_text
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.sampling import Sampler
from sterna_sim.decoder.random_cases import check_case, open_case, random_case
from sterna_sim.decoder.rtl_decoder import RtlDecoder
from sterna_sim.dram import DramConfig, Region

SEEDS = (8, 23)

DRAMS = {
    "plain": {},
    "slow": {"bytes_per_cycle": Fraction(7), "read_latency": 90, "burst_gap": 5},
    "random": {"random_latency": 60, "stall_percent": 40, "seed": 5, "write_latency": 30},
}


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed{seed}")
@pytest.mark.parametrize("memory", DRAMS)
def test_all_codes_and_logits(seed: int, memory: str, tmp_path: Path) -> None:
    case = random_case(seed)
    dram = DramConfig((Region(0, size=4096),), **DRAMS[memory])
    result = check_case(case, tmp_path, dram=dram)
    assert result.problem is None
    assert result.compared.logits == case.count * case.model.shape.vocabulary


def test_drawn_tokens(tmp_path: Path) -> None:
    """The host draws from the best logits and goes on, run after run, on one cache."""
    case = random_case(SEEDS[0])
    best = case.hardware.best_count
    with open_case(case, tmp_path) as decoder:
        pairs = [
            list(continue_text(engine, case.prompt, 5, Sampler(50.0, best, seed=2)))
            for engine in (GoldenEngine(case.model, best), decoder)
        ]
    golden, simulated = ([token for token, _ in run] for run in pairs)
    assert simulated == golden
    for (_, expected), (_, got) in zip(*pairs):
        assert got.candidates == expected.candidates and got.scale == expected.scale
        assert got.cycles and expected.cycles is None


def test_bad_runs_end_with_an_error(tmp_path: Path) -> None:
    """Refused or stopped, never hung; and the next good run is right."""
    case = random_case(SEEDS[0])
    shape = case.model.shape
    expected = GoldenDecoder(case.model).generate(case.prompt, 2)
    with open_case(case, tmp_path) as decoder:
        assert decoder.run_whole([shape.vocabulary], 1).errors == ["token_range"]
        too_long = decoder.run_whole([0] * 2, 1, position=shape.context - 1)
        assert too_long.errors == ["position_range"]
        header = GoldenHeader(decoder)
        header.spoil()
        result = decoder.run_whole(case.prompt, 2)
        assert "image_header" in result.errors and result.failed
        header.restore()
        decoder.write("control", 0b100)
        while decoder.read("status")["recovering"] or not decoder.read("status")["idle"]:
            pass
        assert decoder.run_whole(case.prompt, 2).tokens == expected
        # Memory that ends too early: a transfer would leave it.
        decoder.write("memory_words", decoder.layout.sections["head"].address // 16)
        result = decoder.run_whole(case.prompt, 2)
        assert "memory_range" in result.errors and result.failed


class GoldenHeader:
    """The first word of port 0's image, to be spoiled and restored."""

    def __init__(self, decoder: RtlDecoder) -> None:
        self.decoder = decoder
        path = decoder.work.parent / "image" / "port0.bin"
        self.content = path.read_bytes()[:16]

    def spoil(self) -> None:
        self.decoder.poke(0, 0, bytes([self.content[0] ^ 1]))

    def restore(self) -> None:
        self.decoder.poke(0, 0, self.content)
