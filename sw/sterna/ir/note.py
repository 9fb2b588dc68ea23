"""How a layer's floats became integers: a note of the importer's, for people to read.

It is no part of a graph's meaning: two graphs with other notes are equal, and the text form has
none.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LayerNote"]


@dataclass(frozen=True)
class LayerNote:
    """How one float tail became integers.

    Parameters
    ----------
    layer : :class:`str`
        Name of the operation in the graph.
    form : :class:`str`
        ``"thresholds, enumerated"``, ``"thresholds, bisected"``, ``"table"``, ``"dyadic"``,
        ``"logits"``, or ``"sum"`` and how its grid was judged.
    agreement : :class:`float`
        Share of accumulator values and channels (of a sum: of its branches' codes) at which the
        codes are equal; 1 is exact.
    error_bound : :class:`float`
        For logits, the largest distance from the real value; 0 is exact.
    """

    layer: str
    form: str
    agreement: float = 1.0
    error_bound: float = 0.0

    @property
    def is_exact(self) -> bool:
        """Whether every code is the network's own."""
        return self.agreement == 1

    def __str__(self) -> str:
        text = self.form
        if not self.is_exact:
            text += f", equal on {self.agreement:.6%} of values"
        if self.error_bound:
            text += f", within {self.error_bound:.2g}"
        return text
