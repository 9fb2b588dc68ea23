"""What goes over the AXI4-Stream edges: codes as bytes, and real values as codes.

A frame is a sample's elements one behind the other, each padded to whole bytes, little-endian. The
order of elements is that of the hardware (channel fastest); `Edge.codes` makes codes from real
values in the order of the network's source, as ``round_half_even(clip(x / scale + zero_point))`` in
float32: what `sterna.golden` does, told again because this package stands alone on a board.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Edge"]


@dataclass(frozen=True)
class Edge:
    """One edge of a design.

    ``elements`` of a frame, each of ``low`` to ``high`` and ``size`` bytes; ``shape`` of a sample
    in the hardware's order, whose axis k is the source's axis ``axes[k]`` (all in order if there
    are none); real values are ``(code - zero_point) * scale``.
    """

    elements: int
    low: int
    high: int
    size: int
    shape: tuple[int, ...]
    scale: float = 1.0
    zero_point: int = 0
    axes: tuple[int, ...] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Edge:
        """From an edge's entry in ``driver.json``."""
        return cls(
            elements=record["elements"],
            low=record["range"][0],
            high=record["range"][1],
            size=record["bytes"] // record["count"],
            shape=tuple(record.get("shape", (record["elements"],))),
            scale=record.get("scale", 1.0),
            zero_point=record.get("zero_point", 0),
            axes=tuple(record.get("axes", ())),
        )

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return self.elements * self.size

    def codes(self, samples: np.ndarray) -> np.ndarray:
        """int64 ``(samples, elements)`` of real values, one sample on each place of axis 0.

        Raises
        ------
        ValueError
            If a sample has another number of elements, or a value is not a number.
        """
        x = np.asarray(samples, dtype=np.float32)
        if x.ndim < 1 or x.size == 0 or x[0].size != self.elements:
            raise ValueError(f"Samples must have {self.elements} elements each, not {x.shape}")
        if np.isnan(x).any():
            raise ValueError("Samples must be numbers, not NaN")
        with np.errstate(over="ignore"):
            scaled = self._arrange(x) / np.float32(self.scale)
        scaled = scaled + np.float32(self.zero_point)
        clipped = np.clip(scaled, np.float32(self.low), np.float32(self.high))
        return np.rint(clipped).astype(np.int64).reshape(len(x), -1)

    def _arrange(self, x: np.ndarray) -> np.ndarray:
        if not self.axes:
            return x.reshape(len(x), *self.shape)
        source = [0] * len(self.shape)
        for place, axis in enumerate(self.axes):
            source[axis] = self.shape[place]
        return x.reshape(len(x), *source).transpose(0, *(axis + 1 for axis in self.axes))

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Real values (float64) of codes."""
        return (np.asarray(codes) - self.zero_point) * self.scale

    def frames(self, codes: np.ndarray) -> list[bytes]:
        """The bytes of each sample's codes.

        Raises
        ------
        ValueError
            If a sample has another number of elements, or a code lies beyond the range.
        """
        codes = np.asarray(codes)
        if codes.dtype.kind not in "iu" or codes.ndim < 2 or codes[0].size != self.elements:
            raise ValueError(
                f"Codes must be integers, {self.elements} a sample, not {codes.dtype} {codes.shape}"
            )
        flat = codes.reshape(len(codes), -1).astype("<i8")
        if flat.min() < self.low or flat.max() > self.high:
            raise ValueError(
                f"Codes must be within {self.low} to {self.high}, not {flat.min()} to {flat.max()}"
            )
        parts = flat.view(np.uint8).reshape(len(flat), self.elements, 8)[..., : self.size]
        return [frame.tobytes() for frame in parts]

    def elements_of(self, frame: bytes) -> np.ndarray:
        """int64 ``(elements,)`` of a frame's bytes.

        Raises
        ------
        ValueError
            If the frame has another length.
        """
        if len(frame) != self.frame_bytes:
            raise ValueError(f"Frame must have {self.frame_bytes} bytes, not {len(frame)}")
        parts = np.frombuffer(frame, np.uint8).reshape(self.elements, self.size)
        filler = np.where(parts[:, -1] & 0x80, 0xFF, 0) if self.low < 0 else 0
        wide = np.empty((self.elements, 8), np.uint8)
        wide[:] = np.broadcast_to(np.reshape(filler, (-1, 1)), wide.shape)
        wide[:, : self.size] = parts
        return wide.view("<i8").reshape(-1).astype(np.int64)
