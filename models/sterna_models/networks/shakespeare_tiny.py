"""Shakespeare, one character at a time, small enough for the block memory of a mid-sized FPGA.

Three layers with 295 thousand ternary weights. Image and cache of 128 positions take less than
128 KB, so the decoder needs no external memory. It is trained as the larger `shakespeare_ternary`
is, for five minutes of a processor instead of an hour, and spells words rather than sentences.
"""

from __future__ import annotations

from sterna.decoder.shape import DecoderShape

from ..data.shakespeare import CHARACTERS, load_shakespeare
from ..text_recipe import DecoderTraining, TextRecipe

__all__ = ["RECIPE"]

RECIPE = TextRecipe(
    name="shakespeare_tiny",
    summary="Shakespeare by the character, a decoder for on-chip memory, ternary weights",
    load_corpus=load_shakespeare,
    shape=DecoderShape(
        layers=3,
        hidden=96,
        feed_forward=256,
        heads=3,
        kv_heads=1,
        head_size=32,
        vocabulary=len(CHARACTERS),
        context=128,
        name="shakespeare_tiny",
    ),
    prompt="HAMLET.\nTo be, or not to be, that is the question:\n",
    training=DecoderTraining(phases=((1400, 32, 128),), learning_rate=4e-3, warm_up=100),
)
