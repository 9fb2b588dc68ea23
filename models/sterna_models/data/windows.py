"""Where a stream of tokens is cut for measuring: windows side by side, each predicted on its own.

A window of n tokens predicts the n tokens that stand one place later, so every loss is about the
same number of tokens at every position from 0 to n-1. Whoever compares two models of one network,
or a network with its integer model, does it on the same windows.
"""

from __future__ import annotations

import numpy as np

__all__ = ["window_starts"]


def window_starts(tokens: int, length: int, limit: int | None = None) -> np.ndarray:
    """First places (int64) of windows of ``length`` in a stream of ``tokens`` tokens.

    All whole windows, or ``limit`` of them, spread evenly.

    Raises
    ------
    ValueError
        If the stream does not hold one window and the token after it, or ``limit`` is below one.
    """
    count = (tokens - 1) // length
    if count < 1:
        raise ValueError(f"Stream must hold more than {length} tokens, not {tokens}")
    if limit is not None and limit < 1:
        raise ValueError(f"Limit of windows must be 1 or more, not {limit!r}")
    kept = count if limit is None else min(limit, count)
    return np.arange(kept, dtype=np.int64) * count // kept * length
