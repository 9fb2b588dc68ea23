"""Token engines: what turns tokens into candidates for the next one, golden or hardware alike.

An engine takes tokens in, position after position, and gives the largest logits after the last one
with the scale that makes them real. `continue_text` is the host's side of generation on any engine:
it chooses tokens with a `Sampler`, and stops at a stop token or at the end of the context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from .golden import GoldenDecoder
from .integers import DecoderIntegers
from .sampling import Sampler, best_candidates

__all__ = ["Answer", "GoldenEngine", "TokenEngine", "continue_text"]


@dataclass(frozen=True)
class Answer:
    """The best candidates after the tokens so far: (token, integer logit), best first; the scale of
    real logits; the clock cycles it took (None where nothing was clocked)."""

    candidates: tuple[tuple[int, int], ...]
    scale: float
    cycles: int | None = None


class TokenEngine(Protocol):
    """Takes tokens in and answers with candidates."""

    context: int

    def run(self, tokens: Sequence[int]) -> Answer:
        """Append tokens; the candidates after the last."""
        ...


class GoldenEngine:
    """The golden decoder as an engine that answers with ``count`` candidates."""

    def __init__(self, model: DecoderIntegers, count: int = 1) -> None:
        self.context = model.shape.context
        self.count = count
        self._decoder = GoldenDecoder(model)

    def run(self, tokens: Sequence[int]) -> Answer:
        logits = self._decoder.run(tokens)
        scale = self._decoder.final_scale
        real = float(scale.mantissa[0]) * 2.0 ** float(scale.exponent[0])
        real *= self._decoder.model.head_constant.real
        return Answer(tuple(best_candidates(logits, self.count)), real)


def continue_text(
    engine: TokenEngine,
    prompt: Sequence[int],
    count: int,
    sampler: Sampler,
    stop: int | None = None,
) -> Iterator[tuple[int, Answer]]:
    """Yields up to ``count`` tokens after a prompt, each with the answer it was chosen from. The
    stop token is yielded and ends the text; so does a full context.

    Raises
    ------
    ValueError
        If the prompt is empty or leaves no room for a token.
    """
    if not prompt:
        raise ValueError("Prompt must have one token or more, not none")
    if len(prompt) >= engine.context:
        raise ValueError(
            f"Prompt must be shorter than the context of {engine.context} tokens,"
            f" not {len(prompt)} long"
        )
    tokens: Sequence[int] = prompt
    room = min(count, engine.context - len(prompt))
    for _ in range(room):
        answer = engine.run(tokens)
        token = sampler.choose(answer.candidates, answer.scale)
        yield token, answer
        if token == stop:
            return
        tokens = [token]
