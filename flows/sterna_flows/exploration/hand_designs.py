"""What an engineer would write down without exploring: one engine and one folding for all layers.

The grid is that of `alike`. Each design is evaluated exactly as points of an exploration are.
`not_dominated` says which of them a frontier does not reach: a design is reached if some point of
the frontier is at least as good in every objective.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .alike import LARGEST, alike_designs
from .figures import OBJECTIVES, Figures
from .sampling import Point
from .space import Outcome
from .streaming import StreamingSpace

__all__ = ["HandDesign", "hand_designs", "not_dominated"]


@dataclass(frozen=True)
class HandDesign:
    """One engine, and so many inputs and outputs at once, for all layers."""

    engine: str
    block_inputs: int
    queries: int
    outcome: Outcome

    @property
    def figures(self) -> Figures:
        assert self.outcome.figures is not None
        return self.outcome.figures

    def __str__(self) -> str:
        return f"{self.engine} {self.block_inputs}x{self.queries}"


def hand_designs(space: StreamingSpace, largest: int = LARGEST) -> list[HandDesign]:
    """The designs of the grid that fit the device."""
    found = []
    for item in alike_designs(space.planner.layers, space.styles, space.device, largest):
        outcome = space.evaluation.outcome_of(item.foldings)
        if outcome.figures is not None and outcome.excess <= 0:
            found.append(HandDesign(item.engine, item.block_inputs, item.queries, outcome))
    return found


def not_dominated(
    designs: Sequence[HandDesign], frontier: Sequence[Point], objectives: Sequence[str]
) -> list[HandDesign]:
    """The designs for which the frontier has no point that is as good in every objective."""
    signs = [-1 if OBJECTIVES[name] else 1 for name in objectives]

    def costs(figures: Figures) -> list[float]:
        return [sign * value for sign, value in zip(signs, figures.values(objectives))]

    reached = [costs(point.outcome.figures) for point in frontier if point.outcome.figures]
    return [
        design
        for design in designs
        if not any(all(a <= b for a, b in zip(own, costs(design.figures))) for own in reached)
    ]
