"""The result of lowering: an integer graph, and notes on how its floats were left behind."""

from __future__ import annotations

from dataclasses import dataclass

from ... import ir

__all__ = ["LayerNote", "Lowering"]


@dataclass(frozen=True)
class LayerNote:
    """How one float tail became integers.

    Parameters
    ----------
    layer : :class:`str`
        Name of the operation in the graph.
    form : :class:`str`
        ``"thresholds, enumerated"``, ``"thresholds, bisected"``, ``"table"``, ``"dyadic"`` or
        ``"logits"``.
    agreement : :class:`float`
        Share of accumulator values and channels at which the codes are equal; 1 is exact.
    error_bound : :class:`float`
        For logits, the largest distance from the real value; 0 is exact.
    """

    layer: str
    form: str
    agreement: float = 1.0
    error_bound: float = 0.0


@dataclass(frozen=True)
class Lowering:
    """The integer graph and a note for each place where floats were left behind."""

    graph: ir.Graph
    notes: tuple[LayerNote, ...]
