"""What an exploration has found so far, in a file that outlives it: optuna's SQLite storage.

`trials.db` in the exploration's folder holds one study, and in it one trial for each evaluated
point. A point is written by a single transaction when it is finished, so a process that is killed
at any moment leaves only whole points, and none that was finished is lost. The file itself appears
with its study in one step. What was asked for is kept with the study: a folder is continued only by
the same question. Other tools read the file too: ``optuna-dashboard sqlite:///DIR/trials.db``.

One process writes at a time: the others are refused by a lock that ends with the process that has
it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna

from .figures import Figures
from .sampling import Point, directions, frozen_trial
from .space import Outcome

__all__ = ["TRIALS_FILE", "TrialStore", "locked"]

TRIALS_FILE = "trials.db"
STUDY = "exploration"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other explorations away from a folder while the block runs.

    Raises
    ------
    ValueError
        If one is at work there, or there can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"Folder {folder} must be one that can be made: {error.strerror}"
        ) from None
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(
                f"Folder {folder} must be explored by one process at a time; another one is at work"
            ) from None
        yield


class TrialStore:
    """The points in a folder, which is made if there is none yet.

    Parameters
    ----------
    folder : path
        The exploration's folder.
    question : mapping
        What is asked, as JSON: the model, the target, objectives and seed.

    Raises
    ------
    ValueError
        If the folder holds an exploration that asked something else: the first difference is named.
    """

    def __init__(
        self, folder: Path, question: Mapping[str, Any], objectives: Sequence[str]
    ) -> None:
        self.objectives = tuple(objectives)
        path = folder / TRIALS_FILE
        if not path.exists():
            self._make(path, question)
        self._study = optuna.load_study(study_name=STUDY, storage=_storage(path))
        known = self._study.user_attrs.get("question", {})
        asked = json.loads(json.dumps(question))
        for name in {**asked, **known}:
            if known.get(name) != asked.get(name):
                raise ValueError(
                    f"Exploration in {folder} must have the same {name}, {known.get(name)!r}, "
                    f"not {asked.get(name)!r}; name another folder"
                )

    def _make(self, path: Path, question: Mapping[str, Any]) -> None:
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        storage = _storage(fresh)
        study = optuna.create_study(
            study_name=STUDY, storage=storage, directions=directions(self.objectives)
        )
        study.set_user_attr("question", dict(question))
        study.set_user_attr("objectives", list(self.objectives))
        storage.remove_session()
        storage.engine.dispose()
        os.replace(fresh, path)

    def add(
        self, point: Point, distributions: Mapping[str, optuna.distributions.BaseDistribution]
    ) -> None:
        """Keeps a finished point."""
        outcome = point.outcome
        record = {
            "number": point.number,
            "design": dict(outcome.design),
            "figures": None if outcome.figures is None else outcome.figures.as_record(),
            "excess": outcome.excess,
            "problem": outcome.problem,
        }
        trial = frozen_trial(distributions, self.objectives, point, record)
        self._study.add_trial(trial)

    def points(self) -> dict[int, Point]:
        """The finished points by number."""
        found = {}
        for trial in self._study.get_trials(deepcopy=False):
            record = trial.user_attrs["point"]
            figures = record["figures"]
            outcome = Outcome(
                record["design"],
                None if figures is None else Figures(**figures),
                record["excess"],
                record["problem"],
            )
            found[record["number"]] = Point(record["number"], dict(trial.params), outcome)
        return found


def _storage(path: Path) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(f"sqlite:///{path}")
