"""Small random decoders, straight in integers."""

from __future__ import annotations

import numpy as np

from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.integers import SCALED, DecoderIntegers, LayerIntegers
from sterna.decoder.rotation import rotation_table
from sterna.decoder.scale import nearest_scale
from sterna.decoder.shape import DecoderShape

TINY = DecoderShape(
    layers=2,
    hidden=48,
    feed_forward=80,
    heads=4,
    kv_heads=2,
    head_size=32,
    vocabulary=37,
    context=24,
    name="tiny",
)

ON_CHIP = DecoderHardware(
    ports=1,
    lanes=1,
    tables=8,
    queries=4,
    best_count=4,
    prefetch_words=64,
    burst_beats=16,
    large_style="block",
    memory="on-chip",
)


def random_decoder(shape: DecoderShape, seed: int) -> DecoderIntegers:
    """Synthetic: random trits, gains, embedding and head; constants that keep values moderate."""
    rng = np.random.default_rng(seed)

    def layer(number: int) -> LayerIntegers:
        own = np.random.default_rng((seed, number))
        matrices = {
            name: own.integers(-1, 2, size).astype(np.int8)
            for name, size in shape.matrix_sizes.items()
        }
        gains = {
            name: own.integers(-(1 << 13), 1 << 14, size).astype(np.int16)
            for name, size in shape.norm_sizes.items()
        }
        # A norm's code is worth about sqrt(N)/127 * 2**-13, a matrix product sqrt(N)*127 codes.
        worth = {"o": 2.0**13, "down": 2.0**13, "gate": 1.5, "q": 0.001, "k": 0.01, "v": 1.0}
        constants = {
            name: nearest_scale(worth[name] * 2.0**-13 / 40 * float(own.uniform(0.5, 2)))
            for name in SCALED
        }
        return LayerIntegers(shape, matrices, gains, constants)

    table = (shape.vocabulary, shape.hidden)
    return DecoderIntegers(
        shape=shape,
        layer=layer,
        embedding=rng.integers(-(1 << 13), 1 << 13, table).astype(np.int16),
        embedding_shift=int(rng.integers(0, 3)),
        fraction_bits=14,
        rotations=rotation_table(shape),
        final_gains=rng.integers(1 << 12, 1 << 14, shape.hidden).astype(np.int16),
        head=rng.integers(-127, 128, table).astype(np.int8),
        head_constant=nearest_scale(1e-6),
        synthetic=True,
    )
