"""AXI4-Stream beats as numbers: bytes of TDATA, with TLAST and TKEEP on top.

Written from the definition of the edges (elements padded to whole bytes, sign- or zero-extended,
element 0 in the lowest bytes, little-endian; TLAST in a frame's last beat; TKEEP low only for bytes
behind the frame's end), not from the gateware, so that the bench judges the edges as well.
"""

from __future__ import annotations

import numpy as np

from sterna_hw.beat import to_beats

from .design_description import FrameShape

__all__ = ["axi_words", "beat_bytes", "elements_of_word", "expected_words"]


def beat_bytes(shape: FrameShape) -> int:
    """Bytes of TDATA."""
    return shape.count * _element_bytes(shape)


def axi_words(frames: np.ndarray, shape: FrameShape) -> list[int]:
    """One number per beat, ``{tlast, tdata}``, for frames of shape ``(frames, elements)``.

    Raises
    ------
    ValueError
        If frames have another length or hold values outside the range.
    """
    frames = np.asarray(frames)
    if frames.ndim != 2 or frames.shape[1] != shape.elements:
        raise ValueError(f"Frames must have shape (frames, {shape.elements}), not {frames.shape}")
    if not np.issubdtype(frames.dtype, np.integer):
        raise ValueError(f"Frames must hold integers, not {frames.dtype}")
    if not shape.values.contains(frames):
        low, high = int(frames.min()), int(frames.max())
        raise ValueError(f"Elements of frames must be within {shape.values}, not {low} to {high}")
    size = _element_bytes(shape)
    lanes = to_beats(frames, shape.count).astype("<i8").view(np.uint8)
    # Eight bytes of each element: those that the edge carries are the low ones.
    packed = np.ascontiguousarray(
        lanes.reshape(frames.shape[0], shape.beats, shape.count, 8)[..., :size]
    ).reshape(frames.shape[0] * shape.beats, shape.count * size)
    end = 1 << (8 * beat_bytes(shape))
    return [
        int.from_bytes(beat.tobytes(), "little") | (end if number % shape.beats == 0 else 0)
        for number, beat in enumerate(packed, start=1)
    ]


def expected_words(frames: np.ndarray, shape: FrameShape) -> list[int]:
    """One number per beat, ``{tkeep, tlast, tdata}``, as the output edge must give them."""
    size, lanes = _element_bytes(shape), beat_bytes(shape)
    tail = shape.elements - (shape.beats - 1) * shape.count
    words = axi_words(frames, shape)
    for number in range(len(words)):
        is_last = (number + 1) % shape.beats == 0
        kept = tail * size if is_last else lanes
        words[number] |= ((1 << kept) - 1) << (8 * lanes + 1)
    return words


def elements_of_word(word: int, shape: FrameShape) -> list[int]:
    """The elements in one beat's TDATA."""
    size = _element_bytes(shape)
    data = (word & ((1 << (8 * beat_bytes(shape))) - 1)).to_bytes(beat_bytes(shape), "little")
    return [
        int.from_bytes(data[at : at + size], "little", signed=shape.values.signed)
        for at in range(0, len(data), size)
    ]


def _element_bytes(shape: FrameShape) -> int:
    return -(-shape.values.width // 8)
