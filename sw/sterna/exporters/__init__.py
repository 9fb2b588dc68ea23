"""Writers of networks for other tools."""

from .qonnx import write_qonnx

__all__ = ["write_qonnx"]
