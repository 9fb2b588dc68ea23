"""How deep the queues between layers must be: found by the exact cycle model, not by guess.

An engine gives its results in a burst and the next one takes them block by block, so without room
between them the faster one waits; a pooling gives its results in every other row; and where
branches meet, the short one has to hold whatever the long one delays, the rows in its windows
included, or nothing moves at all. The pace that a network can reach at most is its interval with
queues of two whole vectors everywhere (in front of a window of two rows of its image), and more
room than there are beats where branches meet. Then, in the order of the graph, each queue is made
as shallow as that interval allows, down to none at all, by bisection: more room never slows a
network down, since every start is a maximum of earlier times. The other queues keep the depth found
so far, and it goes on until the result is a set in which no single queue can be made shallower; it
need not be the set with the smallest sum.

Depths may be given instead, as a JSON file ``{"conv2": 12, "add[0]": 40}``: `check_queues` says in
one line which of them costs pace or stops the network for good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sterna_hw.base import Device

from .folding import LayerFolding
from .ir import Graph
from .mapping import queue_places
from .queue_runs import STANDSTILL, QueueRuns, interval_of

__all__ = ["STANDSTILL", "check_queues", "interval_of", "read_queues", "size_queues"]

MOST_ROWS = 1 << 20
"""Rows of a queue at most: no device has memory for more."""


def size_queues(
    graph: Graph, device: Device, foldings: Mapping[str, LayerFolding], reloadable: bool = False
) -> dict[str, int]:
    """Rows of each queue that is needed, by its place (`queue_places`)."""
    rows = _size(QueueRuns.of(graph, device, foldings, reloadable))
    return {place: depth for place, depth in rows.items() if depth}


def _size(runs: QueueRuns) -> dict[str, int]:
    rows = runs.ample()
    best = runs.interval(rows)
    _settle(runs, rows, list(rows), best)
    shrinks = True
    while shrinks:
        # A queue that went away took its latency with it, so one before it may hold less now.
        shrinks = False
        for place, depth in rows.items():
            if depth and runs.keeps({**rows, place: depth - 1}, best):
                rows[place] = _shallowest(runs, rows, place, best, 0, depth - 1)
                shrinks = True
    return rows


def _settle(runs: QueueRuns, rows: dict[str, int], places: list[str], best: float) -> None:
    """Makes queues as shallow as an interval allows, in order. Most need not be there at all, which
    one run tells of many."""
    if runs.keeps({**rows, **dict.fromkeys(places, 0)}, best):
        rows.update(dict.fromkeys(places, 0))
    elif len(places) > 1:
        half = len(places) // 2
        _settle(runs, rows, places[:half], best)
        _settle(runs, rows, places[half:], best)
    else:
        (place,) = places
        rows[place] = _shallowest(runs, rows, place, best, 1, rows[place])


def read_queues(path: str | Path) -> dict[str, int]:
    """Rows by place from a JSON file.

    Raises
    ------
    ValueError
        If the file is not such JSON; the message names it.
    """
    try:
        record = json.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"Queue file {path} must be readable JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"Queue file {path} must map places to numbers of rows")
    return record


def check_queues(
    graph: Graph,
    device: Device,
    foldings: Mapping[str, LayerFolding],
    queues: Mapping[str, int],
    reloadable: bool = False,
) -> None:
    """Checks that given depths are enough for the pace that unlimited room would give.

    Raises
    ------
    ValueError
        If a depth is for no place or no depth, or too small: the message names the first place
        that has less than would do, and what would.
    """
    places = queue_places(graph)
    for place, depth in queues.items():
        if place not in places:
            raise ValueError(f"Place of a queue must be one of {places}, not {place!r}")
        if isinstance(depth, bool) or not isinstance(depth, int) or not 0 <= depth <= MOST_ROWS:
            raise ValueError(
                f"Rows of the queue of {place} must be 0 to {MOST_ROWS}, not {depth!r}"
            )
    runs = QueueRuns.of(graph, device, foldings, reloadable)
    ample = runs.ample()
    best = runs.interval(ample)
    given = {place: queues.get(place, 0) for place in ample}
    found = runs.interval(given)
    if found <= best:
        return
    rows = _size(runs)
    effect = "stands still" if found == STANDSTILL else f"takes {found} cycles a frame"
    # Rows that are enough together: the first place that has fewer is named.
    place = next((place for place in rows if given[place] < rows[place]), None)
    if place is None:
        raise ValueError(f"Rows of queues must be {rows}, not {given}: the network {effect}")
    raise ValueError(
        f"Rows of the queue of {place} must be {rows[place]} or more for {best} cycles a frame, "
        f"not {given[place]}, with which the network {effect}"
    )


def _shallowest(
    runs: QueueRuns, rows: Mapping[str, int], place: str, best: float, low: int, high: int
) -> int:
    """The fewest rows in one place, from ``low`` to ``high``, that keep an interval."""
    # Blocks of a network resemble each other: the depth of the place before is tried first.
    names = list(rows)
    before = next((rows[name] for name in reversed(names[: names.index(place)]) if rows[name]), 0)
    guesses = [before, before - 1]
    while low < high:
        middle = (low + high) // 2
        if guesses and low <= guesses[0] < high:
            middle = guesses.pop(0)
        if runs.keeps({**rows, place: middle}, best):
            high = middle
        else:
            low, guesses = middle + 1, []
    return high
