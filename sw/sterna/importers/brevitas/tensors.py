"""Parameters of torch layers as numpy arrays and plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["array", "numbers"]


def array(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def numbers(value: Any, axes: int) -> tuple[int, ...]:
    """One number for each axis."""
    return (int(value),) * axes if isinstance(value, int) else tuple(int(item) for item in value)
