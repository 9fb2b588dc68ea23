"""Stall profiles: when a source may offer a beat, and when a sink is ready.

Every bench runs its design under each of these profiles and demands identical data, so that no part
can rely on a lucky rhythm. A profile is a rule that turns a seed and a port's name into an endless
row of booleans, one per clock cycle: True means that this end of the stream may move in that cycle.
A source that sees True puts its next beat forward and then holds it until it is taken, as streams
demand, whatever the following booleans say; a sink is ready in exactly the cycles that say True.

The rows depend on nothing but profile, seed, port and end, so the Amaranth bench, the cocotb bench
and a rerun on another machine see the same stalls. Most random rows are shared by all ports of one
end, or even by both ends, so that stalls coincide; in ``independent_ends`` each port draws its own
rates and row.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

__all__ = ["PROFILES", "StallProfile", "find_profile"]

Rule = Callable[[random.Random, str], Iterator[bool]]


@dataclass(frozen=True)
class StallProfile:
    """A named rule of stalling.

    Parameters
    ----------
    name : :class:`str`
        Name on the command line and in reports.
    meaning : :class:`str`
        One line for users.
    rule : callable
        ``rule(generator, end)`` gives the row of booleans of an ``end`` (``source`` or ``sink``).
    sharing : :class:`str`
        Who shares one row of random numbers: ``together`` (every port of the design), ``end`` (all
        sources one row, all sinks another) or ``port`` (nobody).
    sink_waits : :class:`bool`
        The sink raises ``ready`` only while it sees ``valid``: it finds parts that wait for
        ``ready`` before they offer.
    """

    name: str
    meaning: str
    rule: Rule
    sharing: str = "together"
    sink_waits: bool = False

    def source(self, seed: int, port: str) -> Iterator[bool]:
        """Row of a source: True in the cycles in which it may put forward a new beat."""
        return self.rule(self._generator(seed, "source", port), "source")

    def sink(self, seed: int, port: str) -> Iterator[bool]:
        """Row of a sink: True in the cycles in which it is ready (while ``valid``, if it waits)."""
        return self.rule(self._generator(seed, "sink", port), "sink")

    def _generator(self, seed: int, end: str, port: str) -> random.Random:
        key = {"together": "", "end": end, "port": f"{end}/{port}"}[self.sharing]
        # A text seed goes through SHA-512, so it does not depend on Python's hash seed.
        return random.Random(f"{self.name}/{seed}/{key}")

    @property
    def stalls(self) -> bool:
        """Whether this profile ever holds anything up."""
        return self.name != "none"


def _always(generator: random.Random, end: str) -> Iterator[bool]:
    return repeat(True)


def _at_rate(rate: float) -> Rule:
    def rule(generator: random.Random, end: str) -> Iterator[bool]:
        while True:
            yield generator.random() < rate

    return rule


def _bursts(generator: random.Random, end: str) -> Iterator[bool]:
    moving = generator.random() < 0.5
    while True:
        yield from repeat(moving, generator.randint(1, 20))
        moving = not moving


def _alternate(generator: random.Random, end: str) -> Iterator[bool]:
    moving = generator.random() < 0.5
    while True:
        yield moving
        moving = not moving


def _long_freeze(generator: random.Random, end: str) -> Iterator[bool]:
    # Both ends draw the same numbers: the sink freezes first, so everything fills up; later the
    # source freezes, so everything drains.
    while True:
        run, full, flow, dry = (generator.randint(low, 4 * low) for low in (16, 100, 16, 100))
        for count, frozen in ((run, ""), (full, "sink"), (flow, ""), (dry, "source")):
            yield from repeat(end != frozen, count)


def _own_rate(generator: random.Random, end: str) -> Iterator[bool]:
    while True:
        rate = generator.choice((0.1, 0.3, 0.5, 0.7, 0.9, 1.0))
        for _ in range(generator.randint(8, 64)):
            yield generator.random() < rate


PROFILES: dict[str, StallProfile] = {
    profile.name: profile
    for profile in (
        StallProfile("none", "source always valid, sink always ready", _always),
        StallProfile("bursts", "runs of 1 to 20 cycles, moving and still", _bursts, "end"),
        StallProfile("one_in_eight", "moves in one cycle of eight", _at_rate(1 / 8)),
        StallProfile("seven_in_eight", "moves in seven cycles of eight", _at_rate(7 / 8), "end"),
        StallProfile("alternate", "moves in every other cycle", _alternate, "end"),
        StallProfile("long_freeze", "sink, then source, still for 100s of cycles", _long_freeze),
        StallProfile(
            "ready_only_when_valid",
            "sink ready only while it sees valid, in half of those cycles",
            _at_rate(1 / 2),
            "end",
            sink_waits=True,
        ),
        StallProfile("independent_ends", "every port at its own, changing rate", _own_rate, "port"),
    )
}


def find_profile(name: str) -> StallProfile:
    """The profile of that name.

    Raises
    ------
    ValueError
        If there is none; the message lists the names.
    """
    if name not in PROFILES:
        raise ValueError(f"Stall profile must be one of {', '.join(PROFILES)}, not {name!r}")
    return PROFILES[name]
