"""Frames of integers as the payload numbers of a stream, and back.

Benches move payloads as plain Python integers, because both simulators do. A payload is the beat
of `sterna_hw.beat` read as one number: element 0 in the low bits, each element two's complement in
the width of its range, and ``last`` on top. Going back, the place of every ``last`` and the zeros
behind a frame's end are checked, not assumed.
"""

from __future__ import annotations

import numpy as np

from sterna_hw.base import IntegerRange
from sterna_hw.beat import beat_count, from_beats, to_beats

__all__ = ["frames_to_payloads", "payloads_to_frames", "rows_to_payloads", "split_payload"]


def frames_to_payloads(frames: np.ndarray, values: IntegerRange, count: int) -> list[int]:
    """One payload per beat, for ``frames`` (int64, shape ``(frames, elements)``) in order.

    Raises
    ------
    ValueError
        If an element lies outside ``values``: the hardware could not carry it.
    """
    frames = np.asarray(frames, dtype=np.int64)
    _require_inside(frames, values)
    payloads = []
    for frame in to_beats(frames, count):
        payloads += [_join(beat, values.width) for beat in frame]
        payloads[-1] |= 1 << (count * values.width)
    return payloads


def rows_to_payloads(rows: np.ndarray, values: IntegerRange, last_every: int) -> list[int]:
    """Payloads of whole rows (int64, shape ``(rows, count)``), ``last`` in every ``last_every``-th.

    This is the form of a weight stream: a row is a beat, and a frame is ``last_every`` rows.
    """
    rows = np.asarray(rows, dtype=np.int64)
    _require_inside(rows, values)
    mark = 1 << (rows.shape[1] * values.width)
    return [
        _join(row, values.width) | (mark if (number + 1) % last_every == 0 else 0)
        for number, row in enumerate(rows)
    ]


def split_payload(payload: int, values: IntegerRange, count: int) -> tuple[list[int], bool]:
    """The elements of one payload and its ``last``."""
    width, elements = values.width, []
    for position in range(count):
        element = (payload >> (position * width)) & ((1 << width) - 1)
        if values.signed and element >> (width - 1):
            element -= 1 << width
        elements.append(element)
    return elements, bool(payload >> (count * width) & 1)


def payloads_to_frames(
    payloads: list[int], values: IntegerRange, count: int, elements: int
) -> np.ndarray:
    """Frames (int64, shape ``(frames, elements)``) from the payloads of whole frames.

    Raises
    ------
    ValueError
        If the payloads are not whole frames, ``last`` is in a wrong place, or the padding of a
        frame's last beat is not zero.
    """
    beats = beat_count(elements, count)
    if len(payloads) % beats:
        raise ValueError(f"Payloads must be whole frames of {beats} beats, not {len(payloads)}")
    rows = np.zeros((len(payloads), count), dtype=np.int64)
    for number, payload in enumerate(payloads):
        rows[number], last = split_payload(payload, values, count)
        if last != (number % beats == beats - 1):
            raise ValueError(
                f"Last must be in beat {beats - 1} of a frame, not in {number % beats}"
            )
    frames = rows.reshape(-1, beats * count)
    if frames[:, elements:].any():
        raise ValueError("Padding of a frame's last beat must be zero")
    return from_beats(frames.reshape(-1, beats, count), elements)


def _join(elements: np.ndarray, width: int) -> int:
    mask, payload = (1 << width) - 1, 0
    for position, element in enumerate(elements.tolist()):
        payload |= (element & mask) << (position * width)
    return payload


def _require_inside(elements: np.ndarray, values: IntegerRange) -> None:
    if not values.contains(elements):
        stray = elements[(elements < values.low) | (elements > values.high)].flat[0]
        raise ValueError(f"Elements of a stream must be within {values}, not {stray}")
