"""Names of graph operations from names of source layers.
 A source layer may be called ``0`` or ``/fc/MatMul``; an operation's name is letters, digits, dots
and underscores and does not begin with a digit. Names stay unique by a number at the end.
"""

from __future__ import annotations

import re

__all__ = ["Names"]


class Names:
    """Hands out valid, unique names."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, source: str) -> str:
        """A name for a layer called ``source``, not handed out before."""
        name = re.sub(r"[^A-Za-z0-9_.]+", "_", source).strip("_.") or "layer"
        if name[0].isdigit():
            name = f"layer_{name}"
        candidate, number = name, 1
        while candidate in self._taken:
            candidate, number = f"{name}_{number}", number + 1
        self._taken.add(candidate)
        return candidate
