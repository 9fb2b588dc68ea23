"""`sterna bench costs`: measure what is missing, fit the coefficients, write rows, table and page.

Measuring everything takes an hour of processor time; an interrupted run goes on where it stopped,
and a run after a change measures only the parts that changed. The table of coefficients and the
page are written anew each time. Rerun it after a part's hardware or its formula changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

from sterna_hw.base.cost_table import CostTable, use_cost_table

from ..engine_rows import read_rows as read_engines
from .fit import fit
from .measure import measure
from .page import costs_page
from .rows import KINDS, TARGETS, numbers, read_designs, read_rows, write_rows

__all__ = ["all_keys", "calibrate", "table_text"]


ENGINES = Path("docs/engines.json")
"""The compared engines, whose clocks the page tells."""


def all_keys(
    kinds: Collection[str] | None = None, count: int | None = None
) -> list[tuple[str, str, int]]:
    """Every configuration of the grid, by number first: a run that was cut short knows of all.

    ``kinds`` are the only ones, if given; ``count`` is how many of each are fitted to at most, and
    how many are held out at most.
    """
    of_kind = {kind: numbers(kind) for kind in KINDS if kinds is None or kind in kinds}
    chosen = {kind: [*fitted[:count], *held[:count]] for kind, (fitted, held) in of_kind.items()}
    return [
        (family, kind, number)
        for number in sorted({number for each in chosen.values() for number in each})
        for family in TARGETS
        for kind, each in chosen.items()
        if number in each
    ]


def calibrate(
    output: Path,
    table: Path | None = None,
    *,
    kinds: Collection[str] | None = None,
    count: int | None = None,
    designs: bool = True,
    progress: Callable[[str], None] = lambda line: None,
) -> str:
    """Measure, fit, and write ``costs.json`` and ``costs.md`` to ``output``, and the coefficients
    to ``table`` if given; gives the page.

    ``kinds`` and ``count`` restrict the grid, see `all_keys`; coefficients that other kinds settle
    stay as they are. ``designs`` says that whole designs are synthesised too.

    Raises
    ------
    ValueError
        If there is no such kind of part, or the count is not positive.
    ToolError
        If Yosys is missing or fails.
    """
    for kind in kinds or ():
        if kind not in KINDS:
            raise ValueError(f"Kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if count is not None and count < 1:
        raise ValueError(f"Count must be 1 or more, not {count}")
    output.mkdir(parents=True, exist_ok=True)
    store = output / "costs.json"
    known = read_designs(store)
    rows = measure(
        read_rows(store),
        all_keys(kinds, count),
        keep=lambda rows: write_rows(store, rows, known),
        progress=progress,
    )
    coefficients = fit(rows)
    if table is not None:
        table.write_text(table_text(coefficients))
    with use_cost_table(coefficients):
        if designs:
            from .designs import measure_designs

            known = list(measure_designs(known, progress))
        write_rows(store, rows, known)
        page = costs_page(rows, known, read_engines(ENGINES))
    (output / "costs.md").write_text(page)
    return page


def table_text(coefficients: CostTable) -> str:
    """The file that `sterna_hw.base.cost_table` reads: a line for each part."""
    families = []
    for family, parts in coefficients.items():
        lines = [f"  {json.dumps(part)}: {json.dumps(names)}" for part, names in parts.items()]
        families.append(f"{json.dumps(family)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{" + ",\n".join(families) + "}\n"
