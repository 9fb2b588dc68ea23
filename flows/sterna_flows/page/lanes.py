"""Where the parts of a pipeline stand: a row each in the order of the data, branches side by side.

A link keeps a lane from the part that gives to the part that takes. A part stands in the leftmost
lane of the links that reach it; its first link goes on in the same lane and each other one takes
the leftmost lane that is free. A chain has one lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Lanes", "Route", "place_in_lanes"]


@dataclass(frozen=True)
class Route:
    """A link from the part in row ``begin`` to the one in row ``end``, in its lane."""

    begin: int
    end: int
    lane: int


@dataclass(frozen=True)
class Lanes:
    """The lane of each part, the links, and how many lanes there are."""

    parts: tuple[int, ...]
    routes: tuple[Route, ...]
    count: int


def place_in_lanes(count: int, links: Sequence[tuple[int, int]]) -> Lanes:
    """Places ``count`` parts whose links lead from earlier ones to later ones."""
    taken: dict[int, Route] = {}
    parts: list[int] = []
    routes: list[Route] = []
    for part in range(count):
        reaching = [route for route in taken.values() if route.end == part]
        lane = min((route.lane for route in reaching), default=0)
        parts.append(lane)
        for route in reaching:
            del taken[route.lane]
        for begin, end in links:
            if begin != part:
                continue
            free = lane if lane not in taken else 0
            while free in taken:
                free += 1
            taken[free] = Route(begin, end, free)
            routes.append(taken[free])
    width = 1 + max([*parts, *(route.lane for route in routes)], default=0)
    return Lanes(tuple(parts), tuple(routes), width)
