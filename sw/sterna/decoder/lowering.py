"""From a decoder's checkpoint to integers: each real number finds its place in a code or constant.

A norm with gains g is followed by a quantiser, so the codes depend on x*g only; what a code is
worth is the token's norm scale times ``sqrt(N)/127 * 2**-gain_exponent``. That, the matrix' own
scale and what the use asks for (fraction bits of the residual, 1/127 of a second quantiser, the
temperature of attention) are multiplied into the one constant of that use. Gains and embedding are
rounded to int16 with the finest common exponent that holds them; the embedding of a checkpoint is
int16 already and stays exact.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from .checkpoint import DecoderCheckpoint
from .integers import DecoderIntegers, LayerIntegers
from .rotation import rotation_table
from .scale import nearest_scale

__all__ = ["lower_decoder"]

FRACTION_BITS = 14
"""Fraction bits of the residual stream, unless the embedding needs more."""


def lower_decoder(checkpoint: DecoderCheckpoint, *, gate_shift: int = 10) -> DecoderIntegers:
    """The integer decoder of a checkpoint.

    Raises
    ------
    ValueError
        If gains are not finite, or the embedding needs more fraction bits than a residual has.
    """
    shape = checkpoint.shape
    fraction = max(FRACTION_BITS, checkpoint.embedding_exponent)
    shift = fraction - checkpoint.embedding_exponent
    if fraction > 20 or shift > 8:
        raise ValueError(
            f"Exponent of the embedding must be {FRACTION_BITS - 8} to 20,"
            f" not {checkpoint.embedding_exponent}"
        )
    final_gains, final_unit = _integer_gains("final_norm", checkpoint.final_norm)

    @lru_cache(maxsize=shape.layers if shape.ternary_count < 1 << 25 else 1)
    def layer(number: int) -> LayerIntegers:
        source = checkpoint.layer(number)
        gains, units = {}, {}
        for norm in shape.norm_sizes:
            gains[norm], units[norm] = _integer_gains(f"layers.{number}.{norm}", source.norms[norm])
        second = 1 / 127
        factors = {
            "q": units["attention_norm"] * second * math.log2(math.e) / math.sqrt(shape.head_size),
            "k": units["attention_norm"] * second,
            "v": units["attention_norm"] * second,
            "o": units["attention_sub_norm"] * 2**fraction,
            "gate": units["feed_forward_norm"],
            "down": units["feed_forward_sub_norm"] * 2**fraction,
        }
        constants = {
            name: nearest_scale(factor * source.scales[name]) for name, factor in factors.items()
        }
        return LayerIntegers(shape, source.matrices, gains, constants)

    return DecoderIntegers(
        shape=shape,
        layer=layer,
        embedding=checkpoint.embedding,
        embedding_shift=shift,
        fraction_bits=fraction,
        rotations=rotation_table(shape),
        final_gains=final_gains,
        head=checkpoint.head,
        head_constant=nearest_scale(final_unit * checkpoint.head_scale),
        gate_shift=gate_shift,
        synthetic=checkpoint.synthetic,
    )


def _integer_gains(name: str, gains: np.ndarray) -> tuple[np.ndarray, float]:
    """Gains as int16, and what a norm's code is worth beside the token's norm scale."""
    real = np.asarray(gains, dtype=np.float64)
    if not np.isfinite(real).all():
        raise ValueError(f"Gains of {name} must be finite")
    largest = float(np.abs(real).max())
    exponent = math.floor(math.log2(32767 / largest)) if largest else 0
    codes = np.clip(np.round(np.ldexp(real, exponent)), -32767, 32767).astype(np.int16)
    return codes, math.sqrt(len(real)) / 127 * 2.0**-exponent
