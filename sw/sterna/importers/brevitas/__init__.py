"""Reading of live Brevitas modules; see `reader`."""

from __future__ import annotations

from .reader import read_brevitas

__all__ = ["read_brevitas"]
