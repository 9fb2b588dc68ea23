"""The matrix problem of the decoder's engine, and how weights are packed for it.

Whoever writes weights for the engine needs its tables and queries, not how it adds. Sizes given
here are those of the largest matrix; each command then names its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import TERNARY, IntegerRange
from ..beat import beat_count
from ..table_matmul import TableMatmulConfig
from ..table_plan import TablePlan, plan_table
from .column_order import arrange_columns

__all__ = ["CODES", "RESULT", "TokenMatmulShape"]

CODES = IntegerRange(-127, 127)
"""Activations: codes of one byte, never -128."""

RESULT = IntegerRange.of_width(24, signed=True)
"""Totals as they are sent."""


@dataclass(frozen=True)
class TokenMatmulShape:
    """Sizes of the engine; see `token_matmul.TokenMatmulConfig` for the fields.

    Raises
    ------
    ValueError
        If a size is not positive, or totals would not fit 24 bits.
    """

    lanes: int
    queries: int
    tables: int
    largest_inputs: int
    largest_outputs: int
    group: int = 3
    sign_fold: bool = True

    def __post_init__(self) -> None:
        for name in ("lanes", "queries", "tables", "group", "largest_inputs", "largest_outputs"):
            value = getattr(self, name)
            if value < 1:
                subject = name.replace("_", " ").capitalize()
                raise ValueError(f"{subject} must be 1 or more, not {value!r}")
        if self.total_range.width > RESULT.width:
            limit = (RESULT.high + 1) // CODES.high
            raise ValueError(f"Largest inputs must be at most {limit}, not {self.largest_inputs}")

    @property
    def plan(self) -> TablePlan:
        """Entries and the walk that fills them."""
        return plan_table(TERNARY, self.group, self.sign_fold)

    @property
    def block_inputs(self) -> int:
        return self.tables * self.group

    @property
    def index_width(self) -> int:
        """Bits of one weight code: entry and, with folding, the sign above it."""
        return self.plan.index_width

    @property
    def word_range(self) -> IntegerRange:
        """Range of one element of ``weights``."""
        return IntegerRange(0, 2**self.index_width - 1)

    @property
    def leaf_range(self) -> IntegerRange:
        """Range of what a table holds."""
        return CODES * self.group

    @property
    def total_range(self) -> IntegerRange:
        return CODES * self.largest_inputs

    @property
    def largest_input_blocks(self) -> int:
        return beat_count(self.largest_inputs, self.block_inputs)

    @property
    def largest_output_blocks(self) -> int:
        return beat_count(self.largest_outputs, self.queries)

    def input_blocks(self, inputs: int) -> int:
        """For the command: blocks of a matrix with so many inputs."""
        return beat_count(inputs, self.block_inputs)

    def output_blocks(self, outputs: int) -> int:
        """For the command: blocks of a matrix with so many outputs."""
        return beat_count(outputs, self.queries)

    def arrange(self, weights: np.ndarray) -> np.ndarray:
        """The matrix [outputs, inputs] as it must be packed for the engine: `arrange_columns`."""
        return arrange_columns(weights, self.tables, self.group)

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The beats of ``weights`` for a matrix [outputs, inputs]: int64 [rows, Q*T].

        Rows run through input blocks and in each through output blocks; element ``q*T + t`` is the
        index of table t for output q of the block.
        """
        arranged = self.arrange(weights)
        outputs = self.output_blocks(len(arranged)) * self.queries
        padded = np.zeros((outputs, arranged.shape[1]), dtype=np.int64)
        padded[: len(arranged)] = arranged
        return TableMatmulConfig(
            inputs=padded.shape[1],
            outputs=outputs,
            input_range=CODES,
            alphabet=TERNARY,
            queries=self.queries,
            group=self.group,
            tables=self.tables,
            sign_fold=self.sign_fold,
        ).pack(padded)

    def compute(self, activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Totals [lane, output] of codes [lane, input] and a matrix [output, input]; int64."""
        return np.asarray(activations, dtype=np.int64) @ np.asarray(weights, dtype=np.int64).T
