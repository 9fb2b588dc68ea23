"""Generation on the host's side."""

from __future__ import annotations

import pytest

from sterna.decoder.engine import GoldenEngine, continue_text
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.sampling import Sampler

from .random_decoder import TINY, random_decoder


def test_greedy_is_the_golden_decoder() -> None:
    model = random_decoder(TINY, 6)
    expected = GoldenDecoder(model).generate([3, 1, 4], 8)
    pairs = continue_text(GoldenEngine(model), [3, 1, 4], 8, Sampler())
    assert [token for token, _ in pairs] == expected


def test_stops_at_the_stop_token() -> None:
    model = random_decoder(TINY, 6)
    expected = GoldenDecoder(model).generate([3, 1, 4], 8)
    engine = GoldenEngine(model)
    got = [token for token, _ in continue_text(engine, [3, 1, 4], 8, Sampler(), expected[2])]
    assert got == expected[: expected.index(expected[2]) + 1]


def test_ends_with_the_context() -> None:
    model = random_decoder(TINY, 6)
    prompt = [0] * (TINY.context - 3)
    assert len(list(continue_text(GoldenEngine(model), prompt, 9, Sampler()))) == 3


def test_draws_from_the_candidates() -> None:
    model = random_decoder(TINY, 6)
    sampler = Sampler(temperature=1e6, top_k=5, seed=1)
    for token, answer in continue_text(GoldenEngine(model, 5), [1], 12, sampler):
        assert len(answer.candidates) == 5 and token in dict(answer.candidates)


@pytest.mark.parametrize(("length", "message"), [(0, "one token or more"), (24, "shorter than")])
def test_bad_prompts(length: int, message: str) -> None:
    engine = GoldenEngine(random_decoder(TINY, 0))
    with pytest.raises(ValueError, match=message):
        next(continue_text(engine, [0] * length, 1, Sampler()))
