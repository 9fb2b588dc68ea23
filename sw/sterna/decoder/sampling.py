"""Choosing the next token from what the accelerator gives: the largest logits with their tokens.

Greedy choice happens in the accelerator already: the first candidate is the token. Otherwise the
host draws from the best k after scaling by a temperature, with a generator of its own seed, so a
text can be repeated. Real logits are integer logits times a scale that the accelerator reports with
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Sampler", "best_candidates"]


def best_candidates(logits: np.ndarray, count: int) -> list[tuple[int, int]]:
    """The ``count`` largest of all logits as (token, logit), best first, lower tokens first among
    equals: what the accelerator's top-k gives."""
    order = np.argsort(-logits, kind="stable")[:count]
    return [(int(token), int(logits[token])) for token in order]


@dataclass
class Sampler:
    """Draws tokens.

    Parameters
    ----------
    temperature : :class:`float`
        0 takes the best candidate always; 1 draws by the model's own probabilities.
    top_k : :class:`int`, optional
        How many candidates take part; all that an engine shows without it.
    seed : :class:`int`
        Of the draws.

    Raises
    ------
    ValueError
        If temperature is negative or not finite, top_k less than 1, or the seed negative.
    """

    temperature: float = 0.0
    top_k: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"Temperature must be 0 or more, not {self.temperature!r}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"Top-k must be 1 or more, not {self.top_k!r}")
        if self.seed < 0:
            raise ValueError(f"Seed must be 0 or more, not {self.seed!r}")
        self._draw = np.random.default_rng(self.seed)

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0 or self.top_k == 1

    def choose(self, candidates: Sequence[tuple[int, int]], scale: float) -> int:
        """A token of (token, logit) candidates, best first, whose real logits are scaled so."""
        if self.is_greedy:
            return candidates[0][0]
        chosen = candidates[: self.top_k]
        real = np.array([logit for _, logit in chosen], dtype=np.float64) * scale
        weights = np.exp((real - real.max()) / self.temperature)
        return chosen[int(self._draw.choice(len(chosen), p=weights / weights.sum()))][0]
