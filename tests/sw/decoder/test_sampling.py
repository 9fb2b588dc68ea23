"""Choosing tokens."""

import numpy as np
import pytest

from sterna.decoder.sampling import Sampler, best_candidates


def test_candidates_in_order_and_first_of_equals() -> None:
    logits = np.array([5, 9, 9, -1, 7])
    assert best_candidates(logits, 3) == [(1, 9), (2, 9), (4, 7)]


def test_greedy_takes_the_best() -> None:
    assert Sampler().choose([(7, 3), (1, 2)], 1.0) == 7
    assert Sampler(temperature=0, top_k=5).choose([(7, 3), (1, 2)], 1.0) == 7


def test_frequencies_follow_the_softmax() -> None:
    sampler = Sampler(temperature=2.0, top_k=3, seed=4)
    candidates = [(10, 30), (11, 20), (12, 0), (13, 0)]
    drawn = [sampler.choose(candidates, 0.1) for _ in range(20_000)]
    weights = np.exp(np.array([3.0, 2.0, 0.0]) / 2)
    for token, share in zip((10, 11, 12), weights / weights.sum()):
        assert abs(drawn.count(token) / 20_000 - share) < 0.015
    assert 13 not in drawn


def test_a_seed_repeats() -> None:
    candidates = [(token, 100 - token) for token in range(8)]
    texts = []
    for seed in (1, 1, 2):
        sampler = Sampler(temperature=1.5, top_k=8, seed=seed)
        texts.append([sampler.choose(candidates, 0.1) for _ in range(50)])
    assert texts[0] == texts[1] != texts[2]


def test_all_that_is_shown_takes_part_without_top_k() -> None:
    """A temperature alone once drew from the best candidate only."""
    sampler = Sampler(temperature=5.0, seed=1)
    candidates = [(token, 100 - token) for token in range(4)]
    assert {sampler.choose(candidates, 0.1) for _ in range(200)} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("temperature", "top_k", "seed"),
    [(-1.0, 1, 0), (float("nan"), 1, 0), (1.0, 0, 0), (1.0, None, -1)],
)
def test_bad_settings(temperature: float, top_k: int | None, seed: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        Sampler(temperature, top_k, seed)
