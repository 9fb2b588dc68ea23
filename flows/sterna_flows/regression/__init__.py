"""The cocotb regression that a build folder carries: files to copy, and their vectors."""

from .write import write_regression

__all__ = ["write_regression"]
