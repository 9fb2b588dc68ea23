"""What is known of a point: its figures, and the objectives that are made of them.

All figures of a point are estimated or predicted: cycles by the exact cycle model, resources by the
parts' own formulas, energy by a proxy (`energy`). Those of a built and simulated point are kept
apart, as `Measured`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sterna_hw.base import Cost, Device

__all__ = ["OBJECTIVES", "Figures", "Measured", "check_objectives"]

OBJECTIVES: Mapping[str, bool] = {
    "throughput": True,
    "interval": False,
    "latency": False,
    "lut": False,
    "ff": False,
    "bram": False,
    "uram": False,
    "dsp": False,
    "energy": False,
}
"""Objectives by name, and whether more is better."""


@dataclass(frozen=True)
class Figures:
    """Figures of a point.

    Parameters
    ----------
    interval, latency : :class:`int`
        Cycles between frames, and of the first frame; of decoders between tokens, and to the first
        token of the prompt.
    throughput : :class:`float`
        Frames (tokens) a second at the device's clock.
    lut, ff, bram, uram, dsp : :class:`float`
        Estimated resources, in the device's units.
    energy : :class:`float`
        Proxy of the energy of a frame (token), in nJ of `energy`'s scale.
    """

    interval: int
    latency: int
    throughput: float
    lut: float
    ff: float
    bram: float
    uram: float
    dsp: float
    energy: float

    @classmethod
    def of(
        cls,
        cost: Cost,
        interval: int,
        latency: int,
        throughput: float,
        energy: float,
    ) -> Figures:
        """Figures with resources as a report rounds them."""
        return cls(interval, latency, throughput, **cost.as_dict(), energy=energy)

    def values(self, objectives: Sequence[str]) -> tuple[float, ...]:
        """The value of each objective."""
        return tuple(float(getattr(self, name)) for name in objectives)

    def excess(self, device: Device) -> float:
        """By how much of the device the resource that lacks most is exceeded; 0 or less fits."""
        shares = [-1.0]
        for kind in ("lut", "ff", "bram", "uram", "dsp"):
            amount, whole = getattr(self, kind), device.total(kind)
            if amount:
                shares.append(amount / whole - 1 if whole else float(amount))
        return max(shares)

    def as_record(self) -> dict[str, Any]:
        """As plain data; ``Figures(**record)`` is the same again."""
        return asdict(self)


@dataclass(frozen=True)
class Measured:
    """What came out when a point was built: cycles by Verilator, resources by Yosys.

    ``words`` output words were compared with the golden model, of which ``mismatches`` differed;
    ``folder`` is the build, relative to the exploration.
    """

    interval: int | None
    latency: int | None
    lut: float
    ff: float
    bram: float
    uram: float
    dsp: float
    words: int
    mismatches: int
    source: str
    folder: str

    def as_record(self) -> dict[str, Any]:
        """As plain data; ``Measured(**record)`` is the same again."""
        return asdict(self)


def check_objectives(objectives: Iterable[str]) -> tuple[str, ...]:
    """The objectives, if they are some, known and different.

    Raises
    ------
    ValueError
        Otherwise; the message lists the names.
    """
    names = tuple(objectives)
    for name in names:
        if name not in OBJECTIVES:
            raise ValueError(f"Objective must be one of {', '.join(OBJECTIVES)}, not {name!r}")
    if not names or len(set(names)) != len(names):
        raise ValueError(f"Objectives must be one or more different ones, not {', '.join(names)!r}")
    return names
