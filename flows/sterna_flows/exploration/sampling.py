"""Which points come next: a sweep first, then both a finer sweep and what optuna's sampler asks.

Points are asked for in batches of a fixed size, whatever evaluates them. A batch depends on the
seed, its number and the outcomes of all batches before it, and on nothing else: neither on how many
processes there are, nor in which order they finish, nor on whether the exploration was interrupted.
For that, each batch has a fresh study in memory with the finished points in the order of their
numbers, and a sampler with a seed of its own. The first points of a batch are the same however long
it is, so an exploration may be made longer later.

The sampler is optuna's tree-structured Parzen estimator for several objectives, which counts what
does not fit the device as worse the more it is over (`constraints`), and treats the batch's own
points as taken (constant liar).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import optuna
from optuna.study import StudyDirection

from .figures import OBJECTIVES
from .space import Outcome, Parameters, Space

__all__ = ["BATCH", "Point", "ask_batch", "directions", "frontier_of", "frozen_trial"]

BATCH = 8
"""Points of a batch."""

SWEPT = 5
"""Batches that are swept before the sampler is asked."""

ASKED, ASKED_BLINDLY = 1, 4
"""Points of each later batch that the sampler is asked for: few where the sweep knows all
objectives, more where it is blind for one."""

KNOWN_TO_SWEEP = ("throughput", "interval", "lut", "ff", "bram", "uram", "dsp")
"""Objectives that the sweep's estimates tell."""

logging.getLogger("optuna").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Point:
    """An evaluated point: its number in the order of asking, its parameters, what it comes to."""

    number: int
    parameters: Parameters
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def is_feasible(self) -> bool:
        """Whether there is such a design and it fits the device, by the estimates."""
        return self.outcome.figures is not None and self.outcome.excess <= 0


def directions(objectives: Sequence[str]) -> list[StudyDirection]:
    """Objectives' directions in optuna's words."""
    kinds = {True: StudyDirection.MAXIMIZE, False: StudyDirection.MINIMIZE}
    return [kinds[OBJECTIVES[name]] for name in objectives]


def ask_batch(
    space: Space,
    objectives: Sequence[str],
    seed: int,
    batch: int,
    count: int,
    finished: Sequence[Point],
) -> list[Point]:
    """The first ``count`` points of a batch, without outcomes. ``finished`` are those of all
    batches before it, in the order of their numbers."""
    study = _study(space.distributions, objectives, finished)
    own_seed = (seed * 100_003 + batch) % 2**32
    study.sampler = optuna.samplers.TPESampler(seed=own_seed, n_startup_trials=1)
    numbers = range(batch * BATCH, (batch + 1) * BATCH)
    swept = [number for number in numbers if is_swept(number, objectives)]
    start = swept_before(numbers[0], objectives)
    chosen = dict(zip(swept, space.sweep(start, len(swept), finished)))
    points = []
    for number in numbers[:count]:
        if number in chosen:
            study.enqueue_trial(dict(chosen[number]))
            trial = study.ask(dict(space.distributions))
        else:
            trial = study.ask(dict(space.sampled))
        points.append(Point(number, dict(trial.params)))
    return points


def _asked(objectives: Sequence[str]) -> int:
    return ASKED if set(objectives) <= set(KNOWN_TO_SWEEP) else ASKED_BLINDLY


def is_swept(number: int, objectives: Sequence[str]) -> bool:
    """Whether a point is one of the sweep: the last ones of a later batch are not."""
    return number < SWEPT * BATCH or number % BATCH < BATCH - _asked(objectives)


def swept_before(number: int, objectives: Sequence[str]) -> int:
    """How many points of the sweep come before one."""
    return number - max(number // BATCH - SWEPT, 0) * _asked(objectives)


def frontier_of(space: Space, objectives: Sequence[str], points: Sequence[Point]) -> list[Point]:
    """The points that fit and that no other one dominates, of equal ones the first; sorted by the
    first objective."""
    ordered = sorted(points, key=lambda point: point.number)
    by_values: dict[tuple[float, ...], Point] = {}
    for trial in _study(space.distributions, objectives, ordered).best_trials:
        by_values.setdefault(tuple(trial.values), ordered[trial.number])
    best = sorted(by_values.items(), key=lambda item: (item[0], item[1].number))
    return [point for _, point in best if point.is_feasible]


def frozen_trial(
    distributions: Mapping[str, optuna.distributions.BaseDistribution],
    objectives: Sequence[str],
    point: Point,
    record: Mapping[str, object] | None = None,
) -> optuna.trial.FrozenTrial:
    """A point as optuna keeps it, with a record of it; one that is no design has failed."""
    figures = point.outcome.figures
    attributes = {} if record is None else {"point": record}
    kept = {name: distributions[name] for name in point.parameters}
    if figures is None:
        return optuna.create_trial(
            state=optuna.trial.TrialState.FAIL,
            params=dict(point.parameters),
            distributions=kept,
            user_attrs=attributes,
        )
    return optuna.create_trial(
        params=dict(point.parameters),
        distributions=kept,
        values=figures.values(objectives),
        constraints={"device": point.outcome.excess},
        user_attrs=attributes,
    )


def _study(
    distributions: Mapping[str, optuna.distributions.BaseDistribution],
    objectives: Sequence[str],
    points: Sequence[Point],
) -> optuna.Study:
    study = optuna.create_study(directions=directions(objectives))
    study.add_trials([frozen_trial(distributions, objectives, point) for point in points])
    return study
