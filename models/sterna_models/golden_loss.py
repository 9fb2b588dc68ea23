"""The loss of a text model's integers: Sterna's golden decoder on real text.

The same windows as the card's sampled losses of the torch model, so that the two can be compared:
what is lost between them is what lowering to integers costs. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sterna.decoder.checkpoint import DecoderCheckpoint
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.lowering import lower_decoder

from .data.windows import window_starts

__all__ = ["golden_loss"]


def golden_loss(
    checkpoint: DecoderCheckpoint,
    stream: np.ndarray,
    limit: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> float:
    """Mean cross entropy of the next token, in nats, over windows of the context's length.

    Parameters
    ----------
    checkpoint : :class:`DecoderCheckpoint`
        The model.
    stream : int64 array
        Tokens of a text.
    limit : :class:`int`, optional
        So many windows, spread evenly; all without it.
    """
    decoder = GoldenDecoder(lower_decoder(checkpoint))
    length = checkpoint.shape.context
    losses = []
    starts = window_starts(len(stream), length, limit)
    for number, start in enumerate(starts):
        decoder.reset()
        window = stream[start : start + length + 1]
        logits = decoder.run(window[:-1].tolist(), all_logits=True)
        scale = decoder.final_scale
        real = logits * (scale.mantissa * 2.0**scale.exponent)[:, np.newaxis]
        real *= decoder.model.head_constant.real
        shifted = real - real.max(axis=1, keepdims=True)
        log_sums = np.log(np.exp(shifted).sum(axis=1))
        losses.append(log_sums - shifted[np.arange(length), window[1:]])
        progress(f"Window {number + 1} of {len(starts)}: {np.mean(losses):.4f} nats")
    return float(np.mean(losses))
