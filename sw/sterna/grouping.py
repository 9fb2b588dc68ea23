"""How much of a grouped convolution works in parallel: as little as keeps the pace, or as asked.

Its engine has no free choice of inputs: a beat holds all taps of one or several whole groups. With
one group a beat it may work on the group's outputs one after the other; beyond that on more groups
at once. From the fewest multipliers to the most, the first choice is taken that is done with every
position of the window within the pace of the pipeline, so the planner need not fold it. A folding
file may, with any of these choices:

    {"depthwise": {"engine": "group", "beat_groups": 4, "queries": 4}}
"""

from __future__ import annotations

from dataclasses import dataclass

from .ir import GroupMatMul

__all__ = ["GroupFolding", "Grouping", "choose_grouping", "fewest_cycles"]


@dataclass(frozen=True)
class GroupFolding:
    """A grouped layer on its engine: ``beat_groups`` whole groups a beat, ``queries`` outputs
    worked on at once."""

    beat_groups: int
    queries: int

    @property
    def engine(self) -> str:
        return "group"

    def grouping(self, op: GroupMatMul) -> Grouping:
        """The same with the cycles that a position of a layer takes.

        Raises
        ------
        ValueError
            If it is none of the layer's choices; the message begins with the layer's name.
        """
        options = {(item.beat_groups, item.queries): item for item in _groupings(op)}
        found = options.get((self.beat_groups, self.queries))
        if found is None:
            pairs = ", ".join(f"{beats} and {queries}" for beats, queries in options)
            raise ValueError(
                f"Folding of {op.name}: Groups of a beat and queries must be {pairs}, "
                f"not {self.beat_groups} and {self.queries}"
            )
        return found


@dataclass(frozen=True)
class Grouping:
    """Groups of a beat, outputs worked on at once, and the cycles that a position takes."""

    beat_groups: int
    queries: int
    cycles: int


def choose_grouping(
    op: GroupMatMul, pixels: int, positions: int, pace: int, beat_groups: int | None = None
) -> Grouping:
    """The cheapest grouping whose frame takes ``pace`` cycles at most, otherwise the fastest one.

    ``pixels`` is how many pixels pass the window in a frame, ``positions`` how many it gives;
    ``beat_groups`` is given where the window is there already.
    """
    options = [item for item in _groupings(op) if beat_groups in (None, item.beat_groups)]
    for option in options:
        beats = op.groups // option.beat_groups
        if pixels * beats <= pace and positions * option.cycles <= pace:
            return option
    return options[-1]


def fewest_cycles(op: GroupMatMul) -> int:
    """Cycles of a position with everything in parallel."""
    return _groupings(op)[-1].cycles


def _groupings(op: GroupMatMul) -> list[Grouping]:
    each = len(op.weights) // op.groups
    options = [
        Grouping(1, queries, len(op.weights) // queries * op.planes)
        for queries in range(1, each)
        if each % queries == 0
    ]
    options += [
        Grouping(count, each * count, op.groups // count * op.planes)
        for count in range(1, op.groups + 1)
        if op.groups % count == 0
    ]
    return options
