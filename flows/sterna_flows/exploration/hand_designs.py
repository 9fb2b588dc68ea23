"""What an engineer would write down without exploring: one engine and one folding for all layers.

The grid has every engine that suits all layers of a network, with so many inputs and outputs of
each layer worked on at once, both powers of two up to a limit, and less where a layer has fewer.
Each design is evaluated exactly as points of an exploration are. `not_dominated` says which of them
a frontier does not reach: a design is reached if some point of the frontier is at least as good in
every objective.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sterna.folding import (
    ENGINES,
    Folding,
    TableFolding,
    UnrolledFolding,
    engine_style,
)
from sterna.ir import MatMul

from .figures import OBJECTIVES, Figures
from .sampling import Point
from .space import Outcome
from .streaming import StreamingSpace

__all__ = ["LARGEST", "HandDesign", "hand_designs", "not_dominated"]

LARGEST = 64
"""Inputs, and outputs, of a layer worked on at once at most."""


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
    layers = space.planner.layers
    sizes = [2**power for power in range(largest.bit_length())]
    found = []
    for engine in ENGINES:
        # A layer that is unrolled has no folding to vary.
        if engine == "unrolled" or any(engine not in space.styles[item.name] for item in layers):
            continue
        styles = {layer.name: engine_style(engine, layer, space.device) for layer in layers}
        for block_inputs in sizes:
            for queries in sizes:
                foldings = {
                    layer.name: _folded(styles[layer.name], layer, block_inputs, queries)
                    for layer in layers
                }
                outcome = space.evaluation.outcome_of(foldings)
                if outcome.figures is not None and outcome.excess <= 0:
                    found.append(HandDesign(engine, block_inputs, queries, outcome))
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


def _folded(style: Folding, layer: MatMul, block_inputs: int, queries: int) -> Folding:
    """A style with so many inputs and outputs at once, or all that the layer has."""
    outputs, inputs = layer.weights.shape
    assert not isinstance(style, UnrolledFolding)
    if isinstance(style, TableFolding):
        tables = min(max(1, block_inputs // style.group), -(-inputs // style.group))
        return replace(style, tables=tables, queries=min(queries, outputs))
    return replace(style, block_inputs=min(block_inputs, inputs), queries=min(queries, outputs))
