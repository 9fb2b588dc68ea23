"""The clock that an ECP5 engine is expected to reach, fitted to nextpnr's runs.

The slowest path of an engine is a carry chain, the read of a table that is several memories deep,
or a wire of a design that has grown large: the period is a constant plus so much for a bit of the
accumulators, for each doubling of a table's depth beyond one memory, and for each doubling of the
look-up tables. The rows are those of the comparison of engines that were placed and routed
(``docs/engines.json``, speed grade 6, seed 1, out of context); `leave_one_out` tells how far off
the model is on a row that the others alone were fitted to. A design is at most as fast as its
slowest engine by this, with the look-up tables of the whole design; other parts may be slower
still, and the placer's seed alone moves the clock by some per cent. Xilinx devices are not placed
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

import numpy as np

from sterna_hw.matmul import MatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig

from ..engine_rows import EngineRow

__all__ = ["COEFFICIENTS", "estimated_fmax", "features", "fit_clock", "leave_one_out"]

COEFFICIENTS = (-0.551, 0.0403, 0.582, 0.377)
"""Nanoseconds for each of `features`; what `fit_clock` finds."""


def features(config: MatmulConfig, lut: float) -> tuple[float, float, float, float]:
    """One, bits of the accumulators, doublings of the tables' depth, of the look-up tables."""
    deeper = 0.0
    if isinstance(config, TableMatmulConfig):
        deeper = log2(max((config.buffers << config.plan.entry_width) / 16, 1))
    return 1.0, config.accumulate.result_range.width, deeper, log2(max(lut, 2))


def estimated_fmax(config: MatmulConfig, lut: float) -> float:
    """MHz on ECP5 at speed grade 6, in a design of so many look-up tables."""
    period = float(np.dot(COEFFICIENTS, features(config, lut)))
    return 1000 / period


def fit_clock(rows: Sequence[tuple[EngineRow, MatmulConfig]]) -> np.ndarray:
    """Coefficients by least squares of the relative errors of the period."""
    matrix, periods = _problem(rows)
    return np.linalg.lstsq(matrix / periods[:, np.newaxis], np.ones(len(rows)), rcond=None)[0]


def leave_one_out(rows: Sequence[tuple[EngineRow, MatmulConfig]]) -> list[float]:
    """Relative error of each row's period by the fit to all others."""
    matrix, periods = _problem(rows)
    errors = []
    for place in range(len(rows)):
        others = fit_clock([row for number, row in enumerate(rows) if number != place])
        errors.append(float(matrix[place] @ others / periods[place] - 1))
    return errors


def _problem(rows: Sequence[tuple[EngineRow, MatmulConfig]]) -> tuple[np.ndarray, np.ndarray]:
    matrix = np.array([features(config, row.lut) for row, config in rows])
    return matrix, np.array([1000 / (row.fmax_mhz or 1) for row, _ in rows])
