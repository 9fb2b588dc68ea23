"""From float-level source networks to integer graphs; see `walk`."""

from __future__ import annotations

from .notes import Lowering
from .walk import lower

__all__ = ["Lowering", "lower"]
