"""A campaign: the cases of many seeds, each examined; what fails is shrunk and written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .case import Case
from .examine import Failure, examine
from .random_case import random_case
from .shrink import shrink

__all__ = ["FuzzResult", "run_fuzz"]


@dataclass(frozen=True)
class FuzzResult:
    """One seed: its case, and if it failed, how, and where the shrunk case lies."""

    seed: int
    case: Case
    failure: Failure | None = None
    crasher: Path | None = None


def run_fuzz(
    graphs: int,
    seed: int,
    crashers: Path,
    progress: Callable[[str], None] = lambda line: None,
    check: Callable[[Case], Failure | None] = examine,
) -> list[FuzzResult]:
    """Examines the cases of ``graphs`` seeds from ``seed`` on; failing ones go into ``crashers``.

    Raises
    ------
    ValueError
        If there is no graph to make.
    """
    if graphs < 1:
        raise ValueError(f"Number of graphs must be 1 or more, not {graphs}")
    if seed < 0:
        raise ValueError(f"Seed must be 0 or more, not {seed}")
    results = []
    for number in range(seed, seed + graphs):
        case = random_case(number)
        failure = check(case)
        progress(f"Seed {number}: {case.summary}: {failure or 'equal'}")
        crasher = None
        if failure is not None:
            small, failure = shrink(case, failure, check, progress=progress)
            crashers.mkdir(parents=True, exist_ok=True)
            crasher = crashers / f"{failure.kind}_{number}.case"
            crasher.write_text(small.to_text())
            case = small
        results.append(FuzzResult(number, case, failure, crasher))
    return results
