"""Between the torch `Decoder` and its files: `export` writes the integers, `load` reads them back.

What is written is what the quantisers give: trits and scales of Brevitas' layers, gains, codes of
embedding and head (layout in `sterna.decoder.checkpoint`). A decoder that was read back holds those
integers instead of trainable weights. It gives the logits of the one that was exported, up to the
last bits of float32.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sterna.decoder.checkpoint import DecoderCheckpoint, DecoderEdges, LayerWeights
from sterna.decoder.shape import MATRICES

from .decoder import Decoder, DecoderLayer, TernaryLinear
from .text_zoo import CHARACTERS_FILE

__all__ = ["checkpoint_of", "decoder_of", "export", "load"]


def _array(values: Tensor, kind: type[np.generic]) -> np.ndarray:
    return np.ascontiguousarray(values.detach().numpy().astype(kind))


@torch.no_grad()
def checkpoint_of(decoder: Decoder) -> DecoderCheckpoint:
    """The decoder's weights as they are now, as integers, scales and gains."""
    shape = decoder.shape

    def layer(number: int) -> LayerWeights:
        module = decoder.layers[number]
        matrices, scales = {}, {}
        for name in MATRICES:
            linear = getattr(module, name)
            assert isinstance(linear, TernaryLinear)
            trits, scale = linear.trits()
            matrices[name], scales[name] = _array(trits, np.int8), float(scale)
        norms = {name: _array(getattr(module, name).gain, np.float32) for name in shape.norm_sizes}
        return LayerWeights(matrices, scales, norms)

    layers = [layer(number) for number in range(shape.layers)]
    embedding, exponent = decoder.embedding_codes()
    head, scale = decoder.head_codes()
    edges = DecoderEdges(
        embedding=_array(embedding, np.int16),
        embedding_exponent=exponent,
        final_norm=_array(decoder.final_norm.gain, np.float32),
        head=_array(head, np.int8),
        head_scale=float(scale),
    )
    return DecoderCheckpoint(shape, layers.__getitem__, lambda: edges)


def export(decoder: Decoder, folder: Path, characters: str | None = None) -> None:
    """Writes the decoder's files into ``folder``; a model of text also says its ``characters``.

    Raises
    ------
    ValueError
        If there are not as many characters as tokens, or a weight is not finite.
    """
    if characters is not None and len(characters) != decoder.shape.vocabulary:
        raise ValueError(
            f"Characters must be as many as the {decoder.shape.vocabulary} tokens, "
            f"not {len(characters)}"
        )
    checkpoint_of(decoder).write(folder)
    if characters is not None:
        text = json.dumps(list(characters), ensure_ascii=False) + "\n"
        (folder / CHARACTERS_FILE).write_text(text, encoding="utf-8")


@torch.no_grad()
def decoder_of(checkpoint: DecoderCheckpoint) -> Decoder:
    """A decoder with fixed weights, in evaluation mode."""
    decoder = Decoder(checkpoint.shape).eval()
    for number, module in enumerate(decoder.layers):
        assert isinstance(module, DecoderLayer)
        weights = checkpoint.layer(number)
        for name in MATRICES:
            trits = torch.from_numpy(weights.matrices[name])
            getattr(module, name).fix(trits, weights.scales[name])
        for name, gains in weights.norms.items():
            getattr(module, name).gain.copy_(torch.from_numpy(gains))
    decoder.final_norm.gain.copy_(torch.from_numpy(checkpoint.final_norm))
    codes = torch.from_numpy(checkpoint.embedding).float()
    decoder.embedding.copy_(codes * 2.0**-checkpoint.embedding_exponent)
    if not checkpoint.shape.tied:
        decoder.head.copy_(torch.from_numpy(checkpoint.head).float() * checkpoint.head_scale)
    return decoder.requires_grad_(False)


def load(folder: Path) -> Decoder:
    """The decoder that `export` wrote, with fixed weights.

    Raises
    ------
    ValueError
        If the files are missing, damaged, or do not fit together.
    """
    return decoder_of(DecoderCheckpoint.read(folder))
