"""What an engineer would write down without exploring: one engine and one folding for all layers.

The grid is that of `alike`. Each design is evaluated exactly as points of an exploration are.
`not_dominated` says which of them a frontier does not reach: a design is reached if some point of
the frontier is at least as good in every objective, and `shortfall` by how much one is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .alike import SIZES, alike_designs
from .figures import OBJECTIVES, Figures
from .sampling import Point
from .space import Outcome
from .streaming import StreamingSpace

__all__ = ["HandDesign", "hand_designs", "not_dominated", "shortfall"]


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


def hand_designs(space: StreamingSpace, sizes: Sequence[int] = SIZES) -> list[HandDesign]:
    """The designs of the grid that fit the device."""
    found = []
    for item in alike_designs(space.planner.layers, space.styles, space.device, sizes):
        outcome = space.evaluation.outcome_of(item.foldings)
        if outcome.figures is not None and outcome.excess <= 0:
            found.append(HandDesign(item.engine, item.block_inputs, item.queries, outcome))
    return found


def shortfall(design: HandDesign, frontier: Sequence[Point], objectives: Sequence[str]) -> float:
    """By what share of the design the nearest point of the frontier is worse in its worst
    objective, 0 if it reaches the design; amounts below 1 are taken for 1."""
    wanted = _costs(design.figures, objectives)
    return min(
        (
            max(0.0, *((own - wish) / max(abs(wish), 1) for own, wish in zip(costs, wanted)))
            for costs in _reached(frontier, objectives)
        ),
        default=float("inf"),
    )


def not_dominated(
    designs: Sequence[HandDesign], frontier: Sequence[Point], objectives: Sequence[str]
) -> list[HandDesign]:
    """The designs for which the frontier has no point that is as good in every objective."""
    return [design for design in designs if shortfall(design, frontier, objectives) > 0]


def _reached(frontier: Sequence[Point], objectives: Sequence[str]) -> list[list[float]]:
    figures = [point.outcome.figures for point in frontier]
    return [_costs(item, objectives) for item in figures if item is not None]


def _costs(figures: Figures, objectives: Sequence[str]) -> list[float]:
    """Objectives so that less is better."""
    signs = [-1 if OBJECTIVES[name] else 1 for name in objectives]
    return [sign * value for sign, value in zip(signs, figures.values(objectives))]
