"""Exact timing of a part, as a small timed net of processes that pass tokens.

A part is described by processes that run side by side. A process repeats a fixed list of steps for
ever. A step starts at the first cycle in which its process is free and every token that it takes is
there; it makes its tokens available a fixed number of cycles later, and frees its process after
``cycles``. Tokens lie on channels: a stream port of the part (one token a beat), or an inner
channel (a table that has been filled, a place in a queue). Nothing else can make a part wait, so
the start time of every step is the maximum of known times: composing parts needs no arbitration and
no clock loop. The one simulator that does so is `sterna.cycles`.

The meaning of a token on a stream port is exact. On an input port, taking a token is the cycle in
which ``valid`` and ``ready`` are both high. ``peek`` waits for ``valid`` without taking. On an
output port, a token given with offset d is first seen as ``valid`` d cycles after the step's start,
or one cycle after the previous beat of that port left, whichever is later; it leaves when its
consumer takes it. ``returns`` names, for each output port, an inner channel that gets a token back
one cycle after a beat leaves: this is how a full queue holds up the process that feeds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Process", "Step", "Timing", "queue"]


@dataclass(frozen=True)
class Step:
    """One action of a process.

    Parameters
    ----------
    cycles : :class:`int`
        The process's next step starts at least this many cycles after this one; 0 is allowed.
    peek : tuple of :class:`str`
        Channels that must hold a token when the step starts; the token stays.
    take : tuple of :class:`str`
        Channels from which one token is taken when the step starts; an inner channel may stand here
        several times, for as many tokens.
    give : tuple of (:class:`str`, :class:`int`)
        Channels that get a token, and after how many cycles from the step's start; likewise.
    repeat : :class:`int`
        The step is done this many times in a row.
    """

    cycles: int = 1
    peek: tuple[str, ...] = ()
    take: tuple[str, ...] = ()
    give: tuple[tuple[str, int], ...] = ()
    repeat: int = 1

    def __post_init__(self) -> None:
        if self.cycles < 0:
            raise ValueError(f"Cycles of a step must be 0 or more, not {self.cycles!r}")
        if self.repeat < 1:
            raise ValueError(f"Repeat of a step must be 1 or more, not {self.repeat!r}")


@dataclass(frozen=True)
class Process:
    """Steps done in order, for ever. ``name`` appears in stall reports.

    ``start`` is the first cycle after reset in which the process can act (0 is the first cycle
    in which ``rst`` is low).
    """

    name: str
    steps: tuple[Step, ...]
    start: int = 0


@dataclass(frozen=True)
class Timing:
    """The timing of one part.

    Parameters
    ----------
    inputs, outputs : tuple of :class:`str`
        Stream ports of the part.
    processes : tuple of :class:`Process`
        What runs; each channel is taken by one process and given by one process at most.
    initial : mapping of :class:`str` to :class:`int`
        Tokens that lie on inner channels after reset (places in a queue, free tables).
    returns : mapping of :class:`str` to :class:`str`
        For an output port, the inner channel that gets a token one cycle after a beat leaves.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    processes: tuple[Process, ...]
    initial: Mapping[str, int] = field(default_factory=dict)
    returns: Mapping[str, str] = field(default_factory=dict)

    @property
    def busy_cycles(self) -> int:
        """Cycles that one round of the busiest process takes at least, if nothing makes it wait."""
        return max(
            sum(step.cycles * step.repeat for step in process.steps) for process in self.processes
        )


def queue(latency: int, places: int) -> Timing:
    """A part that takes a beat a cycle, gives it back ``latency`` cycles later, and holds at most
    ``places`` beats: any pipeline whose beats end in a queue that is sized for them."""
    if latency < 1 or places < 1:
        raise ValueError(f"Latency and places must be 1 or more, not {latency!r} and {places!r}")
    step = Step(take=("i", "places"), give=(("o", latency),))
    return Timing(("i",), ("o",), (Process("pass", (step,)),), {"places": places}, {"o": "places"})
