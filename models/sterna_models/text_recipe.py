"""What a recipe of a text model says: corpus, shape and training, as plain data without torch.

`TextRecipe.train` builds and trains the decoder from a seed; torch and Brevitas are imported only
then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sterna.decoder.shape import DecoderShape

from .data.shakespeare import TextCorpus

if TYPE_CHECKING:
    from .decoder import Decoder

__all__ = ["DecoderTraining", "TextRecipe"]


@dataclass(frozen=True)
class DecoderTraining:
    """The numbers of a training run.

    Parameters
    ----------
    phases : tuple of (steps, sequences, tokens of a sequence)
        In this order; they share one schedule of the learning rate.
    learning_rate, weight_decay, gradient_norm : :class:`float`
        Peak of the schedule; decay in the first half; largest norm of a step's gradient.
    warm_up : :class:`int`
        Steps until the peak.
    statistic : :class:`str`
        ``"mean"`` or ``"median"``: BitNet's scale of ternary weights, or that of BitNet Reloaded.
    compiled : :class:`bool`
        Whether layers go through torch's compiler (needs a C++ compiler; about three times faster).
    threads : :class:`int`
        Processor threads of torch.
    """

    phases: tuple[tuple[int, int, int], ...] = ((2100, 32, 128), (900, 16, 256))
    learning_rate: float = 3e-3
    warm_up: int = 150
    weight_decay: float = 0.05
    gradient_norm: float = 1.0
    statistic: str = "mean"
    compiled: bool = True
    threads: int = 1

    @property
    def step_count(self) -> int:
        return sum(steps for steps, _, _ in self.phases)

    @property
    def token_count(self) -> int:
        """Tokens predicted in the whole run."""
        return sum(steps * sequences * length for steps, sequences, length in self.phases)


@dataclass(frozen=True)
class TextRecipe:
    """How one text model is made.

    ``prompt`` starts the sample that its card shows; ``shape.vocabulary`` is the number of
    characters of the corpus.
    """

    name: str
    summary: str
    load_corpus: Callable[[], TextCorpus]
    shape: DecoderShape
    prompt: str
    training: DecoderTraining = field(default_factory=DecoderTraining)
    seed: int = 1

    def train(self, seed: int, progress: Callable[[str], None] | None = None) -> Decoder:
        """Trains the decoder from ``seed``; ``progress`` gets a line now and then.

        Raises
        ------
        ValueError
            If the corpus is not to be had.
        """
        corpus = self.load_corpus()
        import torch

        from .decoder import Decoder
        from .decoder_training import train_decoder

        report = progress or (lambda line: None)
        recent: list[float] = []

        def step_done(step: int, loss: float) -> None:
            recent.append(loss)
            if step % 10 == 0:
                mean = sum(recent[-50:]) / len(recent[-50:])
                report(f"step {step}/{self.training.step_count}: loss {mean:.4f}")

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            decoder = Decoder(self.shape, self.training.statistic)
            train_decoder(decoder, corpus.train, self.training, seed, step_done)
        return decoder
