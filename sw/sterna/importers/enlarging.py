"""Upsampling by whole factors, as frameworks ask for it.

ONNX has several rules for the place of a pixel of the larger image in the smaller one, and for
rounding it. With whole factors most pairs of them say the same; this file evaluates them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["nearest_repeats", "upsampling"]


def nearest_repeats(size: int, factor: int, options: Mapping[str, Any]) -> bool:
    """Whether the nearest of ``size`` pixels is always that at place ``k // factor``, by the
    options of a ``Resize`` node."""
    places = np.arange(size * factor)
    wanted = places // factor
    match options.get("coordinate_transformation_mode", "half_pixel"):
        case "asymmetric":
            found = places / factor
        case "half_pixel":
            found = (places + 0.5) / factor - 0.5
        case "pytorch_half_pixel":
            found = (places + 0.5) / factor - 0.5 if len(places) > 1 else np.zeros(1)
        case "align_corners":
            found = places * (size - 1) / max(len(places) - 1, 1)
        case _:
            return False
    match options.get("nearest_mode", "round_prefer_floor"):
        case "floor":
            nearest = np.floor(found)
        case "ceil":
            nearest = np.ceil(found)
        case "round_prefer_ceil":
            nearest = np.floor(found + 0.5)
        case _:
            nearest = np.ceil(found - 0.5)
    return bool((np.clip(nearest, 0, size - 1) == wanted).all())


def upsampling(shape: Sequence[int] | None, size: Any, factor: Any) -> tuple[int, int]:
    """Rows and columns that one becomes, of torch's ``size`` or ``scale_factor``, for an image
    ``(channels, height, width)`` or a signal.

    Raises
    ------
    ValueError
        If the factors are not whole.
    """
    sides = list(shape or ())[1:]
    given = factor if size is None else size
    values = [given] * len(sides) if isinstance(given, int | float) else list(given)
    if size is not None:
        values = [new / old for new, old in zip(values, sides, strict=True)]
    if not sides or any(not float(value).is_integer() or value < 1 for value in values):
        raise ValueError(f"factors must be whole, not {values}")
    down, across = [*(int(value) for value in values), 1][:2]
    return down, across
