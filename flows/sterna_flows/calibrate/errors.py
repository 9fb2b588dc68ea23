"""How far the parts' own estimates are from what was counted, by family, kind of part and resource.

Nothing here runs a tool: it asks the parts, as they are now, and compares with rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from sterna_hw.base import Cost

from .fit import relative_error
from .rows import CostRow

__all__ = ["EXACT", "FITTED", "Errors", "compare", "inexact"]

FITTED = ("lut", "ff")
EXACT = ("bram", "uram", "dsp")


@dataclass(frozen=True)
class Errors:
    """Sizes of relative errors (see `relative_error`) of so many configurations."""

    count: int
    median: float
    worst: float

    @classmethod
    def of(cls, errors: Sequence[float]) -> Errors:
        sizes = [abs(error) for error in errors]
        return cls(len(sizes), median(sizes), max(sizes))

    def __str__(self) -> str:
        return f"{100 * self.median:.1f} % / {100 * self.worst:.1f} %"


def compare(rows: Iterable[CostRow]) -> dict[tuple[str, str, str], list[float]]:
    """Relative errors of the estimates, by family, kind and resource."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        cost = row.part.cost(row.device)
        for resource in FITTED:
            error = relative_error(getattr(cost, resource), getattr(row, resource))
            found.setdefault((row.family, row.kind, resource), []).append(error)
    return found


def inexact(row: CostRow) -> list[str]:
    """Kinds of memories and multipliers whose estimate is not what was counted."""
    cost: Cost = row.part.cost(row.device)
    return [name for name in EXACT if getattr(cost, name) != getattr(row, name)]
