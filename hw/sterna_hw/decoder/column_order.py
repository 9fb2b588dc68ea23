"""Which inputs of a matrix meet in one table of the decoder's engine.

The engine's buffer gives T neighbouring activations at a time, one for each table, so the groups
of a block of T*G inputs are not neighbours: group t is made of the inputs t, T + t, 2*T + t, ... of
the block. Everything that packs weights for the engine takes groups to be neighbours; so the
columns of a matrix are moved first, which costs nothing in hardware.
"""

from __future__ import annotations

import numpy as np

__all__ = ["arrange_columns"]


def arrange_columns(weights: np.ndarray, tables: int, group: int) -> np.ndarray:
    """The matrix [outputs, inputs] with the members of each group side by side.

    Inputs are padded with zeros to whole blocks of ``tables*group``; column ``block*T*G + t*G + g``
    of the result is column ``block*T*G + g*T + t`` of the matrix. The kind of number stays.
    """
    weights = np.asarray(weights)
    outputs, inputs = weights.shape
    blocks = -(-inputs // (tables * group))
    padded = np.zeros((outputs, blocks * tables * group), dtype=weights.dtype)
    padded[:, :inputs] = weights
    grouped = padded.reshape(outputs, blocks, group, tables)
    return grouped.swapaxes(2, 3).reshape(outputs, -1)
