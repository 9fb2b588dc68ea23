"""The rotary table: cosine and sine of each position and pair of elements, as integers.

Elements 2i and 2i+1 of a head turn together by ``position * rope_base**(-2i/head_size)`` radians.
Values have 14 fraction bits and are rounded to the nearest, ties away from zero.
"""

from __future__ import annotations

import numpy as np

from .shape import DecoderShape

__all__ = ["rotation_table"]


def rotation_table(shape: DecoderShape) -> np.ndarray:
    """int16 ``[context, head_size/2, 2]``: nearest cosine and sine with 14 fraction bits."""
    pairs = np.arange(shape.head_size // 2)
    turns = np.arange(shape.context)[:, np.newaxis] * shape.rope_base ** (
        -2.0 * pairs / shape.head_size
    )
    real = np.stack((np.cos(turns), np.sin(turns)), axis=-1) * (1 << 14)
    return (np.sign(real) * np.floor(np.abs(real) + 0.5)).astype(np.int16)
