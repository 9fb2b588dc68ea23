"""Fits the coefficients of `sterna_hw.base.cost_table` to counted rows.

A part's cost is linear in its coefficients, so how often each one counts in a configuration is
found by asking the part itself: its cost with that coefficient one, less its cost with it zero. No
formula is repeated here. Kinds are fitted in stages, parts that others contain first: a stage
settles the coefficients that no stage before has met, and the rest stay as they are. Coefficients
are not negative, since nothing that is there takes less than nothing; they minimise the squared
relative errors (see `relative_error`), and then again with the larger errors weighing more, so that
the worst row counts and not the usual one only. Rows that are held out are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sterna_hw.base import find_device
from sterna_hw.base.cost_table import CostTable, cost_table, use_cost_table

from .rows import KINDS, TARGETS, CostRow, configuration, numbers

__all__ = ["FLOOR", "STAGES", "fit", "relative_error"]

FLOOR = 60
"""Errors are told as shares of the count, or of so many where the count is smaller."""

STAGES: tuple[tuple[str, ...], ...] = (
    ("memory",),
    (
        "stream_buffer",
        "wide_buffer",
        "credit_queue",
        "fork",
        "reframe",
        "output_edge",
    ),
    ("memory_queue", "frame_queue"),
    ("select", "group", "table", "mac", "window_pool", "global_pool"),
)
"""Kinds fitted together, in this order; every other kind is a stage of its own behind them."""

ROUNDS = 8
TOUCH = 1e-3


def relative_error(estimated: float, counted: float) -> float:
    """How far off an estimate is, as a share of what was counted, at least of `FLOOR`."""
    return (estimated - counted) / max(counted, FLOOR)


Coefficient = tuple[str, str, str]
"""Family, part and name."""


class _Table(dict):
    """A table of all coefficients, zero unless they were set; notes which were asked for."""

    def __init__(self, known: dict[Coefficient, tuple[float, float]]) -> None:
        self.known = known
        self.asked: dict[Coefficient, None] = {}
        super().__init__()

    def __missing__(self, family: str) -> _Table._Family:
        return _Table._Family(self, family)

    class _Family:
        def __init__(self, table: _Table, family: str) -> None:
            self.table, self.family = table, family

        def get(self, part: str, default: object) -> _Table._Part:
            return _Table._Part(self.table, self.family, part)

    class _Part:
        def __init__(self, table: _Table, family: str, part: str) -> None:
            self.table, self.place = table, (family, part)

        def get(self, name: str, default: object) -> tuple[float, float]:
            key = (*self.place, name)
            self.table.asked[key] = None
            return self.table.known.get(key, (0.0, 0.0))


def fit(rows: Sequence[CostRow]) -> CostTable:
    """The table for rows; those that are held out take no part. What kinds without a row would
    settle is as in the table in use; what no row has otherwise is not in it."""
    known: dict[Coefficient, tuple[float, float]] = {}
    usable = [row for row in rows if not row.is_held_out]
    early = [kind for stage in STAGES for kind in stage]
    families = sorted({row.family for row in usable})
    for stage in (*STAGES, *((kind,) for kind in sorted(set(KINDS) - set(early)))):
        for family in families:
            mine = [row for row in usable if row.kind in stage and row.family == family]
            for kind in sorted(set(stage) - {row.kind for row in mine}):
                _keep(family, kind, known)
            if mine:
                _fit_stage(mine, known)
    table: CostTable = {family: {} for family in families}
    for (family, part, name), (lut, ff) in sorted(known.items()):
        table[family].setdefault(part, {})[name] = (_short(lut), _short(ff))
    return table


def _keep(family: str, kind: str, known: dict[Coefficient, tuple[float, float]]) -> None:
    """Leaves the coefficients of a kind that was not measured as they are, unless a kind before has
    settled them."""
    device = find_device(TARGETS[family])
    table = _Table(known)
    for number in numbers(kind)[0]:
        part = configuration(family, kind, number)
        with use_cost_table(table):
            part.cost(device)
    in_use = cost_table()[family]
    for key in table.asked:
        _, part_name, name = key
        if key not in known and name in in_use.get(part_name, {}):
            known[key] = in_use[part_name][name]


def _short(value: float) -> float:
    """Three digits say what the fit knows."""
    return float(f"{max(value, 0):.3g}") if value > 1e-6 else 0.0


def _fit_stage(rows: Sequence[CostRow], known: dict[Coefficient, tuple[float, float]]) -> None:
    """Settles what these rows are the first to have."""
    parts = [(row, row.part) for row in rows]
    asked: dict[Coefficient, None] = {}
    base = []
    for row, part in parts:
        table = _Table(known)
        with use_cost_table(table):
            base.append(part.cost(row.device))
        asked |= table.asked
    names = [key for key in asked if key not in known]
    counts = np.zeros((len(rows), len(names)))
    for place, key in enumerate(names):
        table = _Table(known | {key: (1.0, 1.0)})
        with use_cost_table(table):
            for number, (row, part) in enumerate(parts):
                counts[number, place] = part.cost(row.device).lut - base[number].lut
    # What none of these rows has is left to a later stage.
    there = np.flatnonzero(counts.any(axis=0))
    names, counts = [names[place] for place in there], counts[:, there]
    if not names:
        return
    solved = []
    for resource in ("lut", "ff"):
        counted = np.array([getattr(row, resource) for row in rows], dtype=float)
        rest = counted - np.array([getattr(cost, resource) for cost in base])
        solved.append(_solve(counts, rest, np.maximum(counted, FLOOR)))
    known |= {key: (float(lut), float(ff)) for key, lut, ff in zip(names, *solved)}


def _solve(counts: np.ndarray, rest: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Coefficients >= 0 that explain ``rest`` by ``counts``, errors as shares of ``scale``."""
    from scipy.optimize import lsq_linear

    matrix, target = counts / scale[:, np.newaxis], rest / scale
    size = np.linalg.norm(matrix, axis=0)
    size[size == 0] = 1
    matrix = matrix / size
    # A touch of weight on the coefficients themselves settles those that rows cannot tell apart.
    touch = TOUCH * np.eye(matrix.shape[1])
    weights = np.ones(len(target))
    found = np.zeros(matrix.shape[1])
    for _ in range(ROUNDS):
        rows = np.concatenate([weights[:, np.newaxis] * matrix, touch])
        aims = np.concatenate([weights * target, np.zeros(len(touch))])
        found = lsq_linear(rows, aims, bounds=(0, np.inf), method="bvls").x
        errors = np.abs(matrix @ found - target) + 0.02
        weights = np.minimum(weights * np.sqrt(errors / errors.mean()), 10)
    return found / size
