"""The golden model's loss on text: what the card says, and that it is near torch's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sterna.decoder.checkpoint import DecoderCheckpoint
from sterna_models import text_zoo
from sterna_models.golden_loss import golden_loss


@pytest.mark.parametrize("name", text_zoo.names())
def test_card_tells_the_golden_loss(name: str) -> None:
    loss = text_zoo.card(name).loss
    # Perplexity within one percent of the quantised torch model's on the same windows.
    assert math.exp(loss["golden_sampled"] - loss["quantised_sampled"]) < 1.01


@pytest.mark.parametrize("name", text_zoo.names())
def test_one_window(name: str) -> None:
    """The first of the windows by itself; all of them are what the card's figure was made of."""
    checkpoint = DecoderCheckpoint.read(text_zoo.folder(name))
    stream = np.asarray(text_zoo.validation_tokens(name))
    loss = golden_loss(checkpoint, stream, 1)
    assert abs(loss - text_zoo.card(name).loss["golden_sampled"]) < 0.3


def test_chance_without_training() -> None:
    """A stream of one token repeated: the loss is that of the model, whatever it is, and finite."""
    name = text_zoo.names()[0]
    checkpoint = DecoderCheckpoint.read(text_zoo.folder(name))
    stream = np.zeros(checkpoint.shape.context + 1, dtype=np.int64)
    assert golden_loss(checkpoint, stream, 1) > 0
