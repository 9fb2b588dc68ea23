"""The cocotb regression that a decoder's build folder carries: files to copy, and golden tokens."""

from .write import write_decoder_regression

__all__ = ["write_decoder_regression"]
