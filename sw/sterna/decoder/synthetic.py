"""SYNTHETIC decoders: random weights of any shape, made layer by layer from a seed.

Such a model says nothing. It exists for cycles and memory, where only the sizes matter, and for
tests of exactness, where any weights do. Scales are such that activations stay of ordinary size:
every matrix gives outputs about as large as its inputs, and all layers together grow the residual
to about twice its size. Trits are -1, 0 and 1 in equal parts, which is close to the share of zeros
(three in ten) that BitNet's rule gives for normally distributed weights. The 0.7B's layers hold 28
million weights each; only the one asked for is in memory.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .checkpoint import DecoderCheckpoint, DecoderEdges, LayerWeights, tied_head
from .shape import DecoderShape

__all__ = ["synthetic_checkpoint"]

_EMBEDDING_EXPONENT = 12
_INT16_LARGEST = 32767
_HEAD_CODE_DEVIATION = 73.6
"""Standard deviation of codes that are uniform from -127 to 127."""


def synthetic_checkpoint(
    shape: DecoderShape, seed: int, layers: int | None = None
) -> DecoderCheckpoint:
    """A checkpoint of random weights, labelled ``synthetic``; the same ones for the same seed.

    ``layers`` keeps only the first so many layers; these, embedding and head are the same as those
    of the whole model.

    Raises
    ------
    ValueError
        If the shape does not have that many layers.
    """
    if layers is not None and not 1 <= layers <= shape.layers:
        raise ValueError(f"Layers must be from 1 to {shape.layers}, not {layers!r}")
    growth = 1 / math.sqrt(2 * shape.layers)  # of each of the two additions in a layer

    def layer(number: int) -> LayerWeights:
        random = np.random.default_rng((seed, number))
        matrices = {
            name: random.integers(-1, 2, size, dtype=np.int8)
            for name, size in shape.matrix_sizes.items()
        }
        scales = {
            name: _unit_scale(inputs) * (growth if name in ("o", "down") else 1.0)
            for name, (_, inputs) in shape.matrix_sizes.items()
        }
        scales = {name: float(np.float32(scale)) for name, scale in scales.items()}
        norms = {name: _gains(random, size) for name, size in shape.norm_sizes.items()}
        return LayerWeights(matrices, scales, norms)

    def edges() -> DecoderEdges:
        random = np.random.default_rng((seed, shape.layers))
        size = (shape.vocabulary, shape.hidden)
        normal = random.standard_normal(size, dtype=np.float32) * 2**_EMBEDDING_EXPONENT
        embedding = np.clip(np.rint(normal), -_INT16_LARGEST, _INT16_LARGEST).astype(np.int16)
        final_norm = _gains(random, shape.hidden)
        if shape.tied:
            head, scale = tied_head(embedding, _EMBEDDING_EXPONENT)
        else:
            head = random.integers(-127, 128, size, dtype=np.int8)
            scale = float(np.float32(1 / (_HEAD_CODE_DEVIATION * math.sqrt(shape.hidden))))
        return DecoderEdges(embedding, _EMBEDDING_EXPONENT, final_norm, head, scale)

    kept = shape if layers is None else replace(shape, layers=layers)
    return DecoderCheckpoint(kept, layer, edges, synthetic=True)


def _unit_scale(inputs: int) -> float:
    """Makes the outputs of random trits, of mean square 2/3, as large as the inputs."""
    return 1 / math.sqrt(inputs * 2 / 3)


def _gains(random: np.random.Generator, size: int) -> np.ndarray:
    return random.uniform(0.5, 1.5, size).astype(np.float32)
