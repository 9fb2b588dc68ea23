"""Reading of QONNX files; see `reader`."""

from __future__ import annotations

from .reader import read_qonnx

__all__ = ["read_qonnx"]
