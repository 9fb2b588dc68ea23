"""The payload of every stream: several elements side by side, and the end-of-frame mark.

A beat carries ``count`` integers of one range, element 0 in the low bits, and ``last``, which is
high in the last beat of a frame. A frame of N elements takes ceil(N / count) beats; the elements
that are missing from the last beat are zero.
"""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data, stream

from .base import IntegerRange

__all__ = ["beat_count", "beat_layout", "beat_signature", "from_beats", "shape_of", "to_beats"]


def shape_of(values: IntegerRange) -> Shape:
    """The Amaranth shape of the smallest number that holds a range."""
    return Shape(values.width, values.signed)


def beat_layout(values: IntegerRange, count: int) -> data.StructLayout:
    """Layout of one beat: ``data`` (array of ``count`` elements) and ``last``."""
    return data.StructLayout({"data": data.ArrayLayout(shape_of(values), count), "last": 1})


def beat_signature(values: IntegerRange, count: int) -> stream.Signature:
    """Stream of such beats."""
    return stream.Signature(beat_layout(values, count))


def beat_count(elements: int, count: int) -> int:
    """How many beats of ``count`` elements carry a frame of ``elements``."""
    return -(-elements // count)


def to_beats(frames: np.ndarray, count: int) -> np.ndarray:
    """Beats of shape ``(frames, beats, count)`` from frames of shape ``(frames, elements)``."""
    frames = np.asarray(frames, dtype=np.int64)
    beats = beat_count(frames.shape[1], count)
    padded = np.zeros((frames.shape[0], beats * count), dtype=np.int64)
    padded[:, : frames.shape[1]] = frames
    return padded.reshape(frames.shape[0], beats, count)


def from_beats(beats: np.ndarray, elements: int) -> np.ndarray:
    """The inverse of `to_beats`: drops the padding of the last beat."""
    beats = np.asarray(beats)
    return beats.reshape(beats.shape[0], -1)[:, :elements]
