"""Passes: each takes a graph and makes a new one, with the same meaning or what its name says of
it."""

from .drop_identity import drop_identity
from .fewer_planes import fewer_planes, plane_counts
from .select_label import select_label

__all__ = ["drop_identity", "fewer_planes", "plane_counts", "select_label"]
