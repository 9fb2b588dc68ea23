"""A campaign over random decoders: many shapes, each built, simulated and compared in full.

`sterna bench decoders --count 30` is the setting that `docs/transformer.md` quotes; tests run two
of the seeds. A case that fails is named by its seed, which repeats it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from sterna_sim.decoder.random_cases import check_case, random_case

__all__ = ["run_campaign"]


def run_campaign(
    count: int, first_seed: int, progress: Callable[[str], None] = lambda line: None
) -> list[tuple[int, str, str | None]]:
    """Checks the cases of ``count`` seeds; for each the seed, its sizes, and what is wrong with it
    (None if every code, logit and token is equal).

    Raises
    ------
    ValueError
        If the count is less than one.
    """
    if count < 1:
        raise ValueError(f"Number of decoders must be 1 or more, not {count}")
    results = []
    for seed in range(first_seed, first_seed + count):
        case = random_case(seed)
        with tempfile.TemporaryDirectory(prefix="sterna-decoder-") as folder:
            result = check_case(case, Path(folder))
        results.append((seed, case.summary, result.problem))
        progress(f"Seed {seed}: {case.summary}: {result.problem or 'equal'}")
    return results
