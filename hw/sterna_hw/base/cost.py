"""Estimated resources of a part, as a sum of counts.

A part says what it is expected to take on a device; a design's estimate is the plain sum. Kinds are
the device's own: ``lut`` (look-up tables used as logic or as memory), ``ff`` (flip-flops), ``bram``
(block memories of the device's standard size: EBR of 18 Kbit on ECP5, BRAM36 halves counted as 0.5
on Xilinx), ``uram``, ``dsp``. Estimates are called estimates in every report; measured figures come
from synthesis.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cost"]


@dataclass(frozen=True)
class Cost:
    """Estimated resources; ``+`` adds them and ``*`` repeats a part."""

    lut: float = 0
    ff: float = 0
    bram: float = 0
    uram: float = 0
    dsp: float = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.lut + other.lut,
            self.ff + other.ff,
            self.bram + other.bram,
            self.uram + other.uram,
            self.dsp + other.dsp,
        )

    def __mul__(self, count: float) -> Cost:
        return Cost(
            *(value * count for value in (self.lut, self.ff, self.bram, self.uram, self.dsp))
        )

    def as_dict(self) -> dict[str, float]:
        return {
            "lut": round(self.lut),
            "ff": round(self.ff),
            "bram": self.bram,
            "uram": self.uram,
            "dsp": self.dsp,
        }
