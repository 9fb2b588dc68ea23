"""Passes: each takes a graph and makes a new one with the same meaning, or adds a named stage."""

from .drop_identity import drop_identity
from .select_label import select_label

__all__ = ["drop_identity", "select_label"]
