"""The share of a device that a design may take, and the refusal of one that takes more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sterna_hw.base import Cost, Device

from .folding import Folding

__all__ = ["MODEST_LUT", "Budget", "BudgetError"]

MODEST_LUT = 15_000
"""Look-up tables that a design may take for which neither a rate nor a budget was asked."""


@dataclass(frozen=True)
class Budget:
    """The share of the device that a design may take, by resource, from 0 to 1."""

    lut: float = 0.6
    ff: float = 0.6
    bram: float = 0.8
    uram: float = 0.8
    dsp: float = 0.8

    def __post_init__(self) -> None:
        for resource in ("lut", "ff", "bram", "uram", "dsp"):
            share = getattr(self, resource)
            if not 0 < share <= 1:
                raise ValueError(f"Budget of {resource} must be above 0 and at most 1, not {share}")

    @classmethod
    def modest(cls, device: Device) -> Budget:
        """Of a design that is to be simulated and placed in minutes, on whatever device."""
        return cls(lut=min(cls.lut, MODEST_LUT / device.lut))

    def holds(self, cost: Cost, device: Device) -> bool:
        return not self.excess(cost, device)

    def excess(self, cost: Cost, device: Device) -> list[str]:
        """The resources that are exceeded, each as a readable phrase."""
        return [
            f"{getattr(cost, kind):.0f} of {device.total(kind) * getattr(self, kind):.0f} {kind}"
            for kind in self.exceeded(cost, device)
        ]

    def exceeded(self, cost: Cost, device: Device) -> dict[str, float]:
        """The resources that are exceeded, and by how much."""
        over = {
            kind: getattr(cost, kind) - device.total(kind) * getattr(self, kind)
            for kind in ("lut", "ff", "bram", "uram", "dsp")
        }
        return {kind: amount for kind, amount in over.items() if amount > 0}


class BudgetError(ValueError):
    """A design exceeds its budget; ``over`` says of which resources by how much."""

    def __init__(
        self, message: str, over: Mapping[str, float], foldings: Mapping[str, Folding]
    ) -> None:
        super().__init__(message)
        self.over = over
        self.foldings = foldings
