"""Shakespeare, one character at a time: a decoder of four layers with 1.6 million ternary weights.

Every mechanism of the large BitNet models is there: sub-norms, rotary positions, two query heads to
a key head, a gate with SiLU, int8 activations for each token. The head is int8 and has weights of
its own.
"""

from __future__ import annotations

from sterna.decoder.shape import DecoderShape

from ..data.shakespeare import CHARACTERS, load_shakespeare
from ..text_recipe import TextRecipe

__all__ = ["RECIPE"]

RECIPE = TextRecipe(
    name="shakespeare_ternary",
    summary="Shakespeare by the character, BitNet b1.58 decoder, ternary weights",
    load_corpus=load_shakespeare,
    shape=DecoderShape(
        layers=4,
        hidden=192,
        feed_forward=512,
        heads=6,
        kv_heads=3,
        head_size=32,
        vocabulary=len(CHARACTERS),
        context=256,
        name="shakespeare_ternary",
    ),
    prompt="HAMLET.\nTo be, or not to be, that is the question:\n",
)
