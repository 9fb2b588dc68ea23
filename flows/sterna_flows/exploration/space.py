"""What there is to explore: parameters, the points to begin with, and what a point comes to.

A point is a choice of parameters. The `Space` says which there are and which design a point stands
for; that is quick. What the design comes to, its `Outcome`, takes longer and is found by an
`Evaluation`, in whatever process. A `Job` is all that a process must know for that: plain text and
numbers, so that it can be sent to another machine. Outcomes are the same in every process and
order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from optuna.distributions import BaseDistribution

from .figures import Figures

__all__ = ["Evaluated", "Evaluation", "Job", "Outcome", "Parameters", "Space", "evaluate"]

Parameters = Mapping[str, Any]
"""A value for each parameter by name."""


@dataclass(frozen=True)
class Outcome:
    """What a point comes to.

    Parameters
    ----------
    design : mapping
        What a build needs to make it, as JSON: of a streaming network ``foldings`` and ``queues``,
        of a decoder its ``hardware``. Empty if there is no such design.
    figures : :class:`Figures` or None
        Its figures, None if there is no such design.
    excess : :class:`float`
        By how much of the device the resource that lacks most is exceeded; 0 or less fits.
    problem : :class:`str`
        Why there is no such design, or why it cannot be built.
    """

    design: Mapping[str, Any] = field(default_factory=dict)
    figures: Figures | None = None
    excess: float = 0.0
    problem: str = ""


class Evaluated(Protocol):
    """A point that was evaluated: its parameters, what it came to."""

    @property
    def parameters(self) -> Parameters: ...

    @property
    def outcome(self) -> Outcome: ...


class Space(Protocol):
    """The choices for one model on one device."""

    @property
    def distributions(self) -> Mapping[str, BaseDistribution]:
        """The parameters and what each may be."""
        ...

    @property
    def sampled(self) -> Mapping[str, BaseDistribution]:
        """Those of them that a sampler chooses."""
        ...

    def sweep(self, start: int, count: int, finished: Sequence[Evaluated]) -> Sequence[Parameters]:
        """The next ``count`` points of the sweep that an exploration begins with, of which
        ``start`` were asked for; the longer it goes on, the finer it is. ``finished`` are all
        points that were evaluated in batches before."""
        ...

    def design(self, parameters: Parameters) -> Mapping[str, Any]:
        """The design that a point stands for, as JSON."""
        ...


class Evaluation(Protocol):
    """Finds out what designs come to."""

    def evaluate(self, design: Mapping[str, Any]) -> Outcome: ...


class Job(Protocol):
    """All that a process must know; equal jobs have equal hashes and make equal evaluations."""

    def space(self) -> Space: ...

    def evaluation(self) -> Evaluation: ...

    def record(self) -> Mapping[str, Any]:
        """What tells this job from others, as JSON."""
        ...


@lru_cache(maxsize=2)
def _evaluation_of(job: Job) -> Evaluation:
    """The evaluation of a job, made once in a process."""
    return job.evaluation()


def evaluate(job: Job, design: Mapping[str, Any]) -> Outcome:
    """What a design comes to, in whatever process."""
    return _evaluation_of(job).evaluate(design)
