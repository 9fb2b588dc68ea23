"""The result of lowering: an integer graph, and notes on how its floats were left behind."""

from __future__ import annotations

from dataclasses import dataclass

from ... import ir

__all__ = ["Lowering"]


@dataclass(frozen=True)
class Lowering:
    """The integer graph; ``notes`` has a note for each place where floats were left behind."""

    graph: ir.Graph

    @property
    def notes(self) -> tuple[ir.LayerNote, ...]:
        return self.graph.notes
