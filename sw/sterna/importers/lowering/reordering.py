"""Channels in another order, at no cost: the layer that makes them has its rows in that order.

Between a layer and the place where another order is wanted may stand operations with constants for
each channel; these are moved too. It works only where nobody else reads what is moved.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

import numpy as np

from ... import ir

__all__ = ["reordered"]


def reordered(
    ops: Sequence[ir.Op], last: str, order: np.ndarray, shared: Set[str]
) -> list[ir.Op] | None:
    """The operations with channel ``order[k]`` of the value ``last`` at place k; ``None`` if a
    value on the way back to its matmul is in ``shared`` or read by another operation."""
    by_name = {op.name: op for op in ops}
    moved: dict[str, ir.Op] = {}
    name = last
    while True:
        op = by_name[name]
        readers = sum(name in other.inputs for other in ops)
        if name in shared or readers > (name != last):
            return None
        match op:
            case ir.Threshold():
                thresholds, falls = op.thresholds[order], op.descending[order]
                moved[name] = replace(op, thresholds=thresholds, descending=falls)
            case ir.Requantize():
                factors, addends = op.multiplier[order], op.offset[order]
                moved[name] = replace(op, multiplier=factors, offset=addends)
            case ir.Table():
                moved[name] = replace(op, table=op.table[order]) if len(op.table) > 1 else op
            case ir.MatMul():
                moved[name] = replace(op, weights=op.weights[order])
                return [moved.get(other.name, other) for other in ops]
            case _:
                return None
        (name,) = op.inputs
