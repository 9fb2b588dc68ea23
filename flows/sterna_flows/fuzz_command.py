"""The command `sterna fuzz`: random small networks against the golden model."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from .terminal import fail_unless_equal, telling

__all__ = ["fuzz"]


def fuzz(
    graphs: Annotated[int, typer.Option(help="How many random networks.")] = 20,
    seed: Annotated[int, typer.Option(help="The first one's seed; the others follow.")] = 0,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for shrunk cases that fail.")
    ] = Path("crashers"),
    replay: Annotated[
        Path | None, typer.Option(help="Examine this case again instead of random ones.")
    ] = None,
) -> None:
    """Build random small networks; compare every beat and cycle in simulation.

    A seed makes the same network, folding, samples and stalls again. Each is simulated by Amaranth
    with and without stalls. What fails is made smaller while it still fails, and written down.
    """
    from .fuzz.campaign import run_fuzz
    from .fuzz.case import read_case
    from .fuzz.examine import examine

    if replay is not None:
        failure = examine(read_case(replay))
        print(f"{replay}: {failure or 'equal'}")
        fail_unless_equal([f"{replay}: {failure}"] if failure else [])
        return
    with telling() as tell:
        results = run_fuzz(graphs, seed, output, tell)
    kinds = Counter(op.kind for result in results for op in result.case.graph.ops[1:])
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    failed = [result for result in results if result.failure]
    print(f"{len(results)} networks ({counts}): {len(results) - len(failed)} equal")
    fail_unless_equal([f"seed {r.seed}: {r.failure}; see {r.crasher}" for r in failed])
