"""What handlers of ONNX operations share: the network being built, and how operands are read.

An operand is the name of a computed value, a plain constant, or a quantised constant. Handlers ask
here for what they need of it and get a refusal, with a remedy, where it is something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...source import SourceBuilder
from .file import OnnxFile
from .weights import QuantisedConstant, UnfitError

__all__ = ["Context", "Handler", "Operand"]

Operand = str | np.ndarray | QuantisedConstant
"""A computed value's name, or a constant."""

Handler = Callable[..., Operand]
"""A function ``(context, name, attributes, *operands)`` that adds a node and returns its result;
it raises `UnfitError` for what it cannot take."""


class Context:
    """A file and the network that is built from it."""

    def __init__(self, file: OnnxFile, builder: SourceBuilder) -> None:
        self.file = file
        self.builder = builder

    def constant(self, x: Any) -> np.ndarray:
        """A constant's real values."""
        if isinstance(x, QuantisedConstant):
            return x.real()
        if isinstance(x, np.ndarray):
            return x
        raise UnfitError("parameters must be constants, not computed", "export again")

    def elements(self, constant: Any) -> np.ndarray:
        """A constant as a scalar or one value for each element of the last axis."""
        array = self.constant(constant)
        if array.size == 1:
            return array.reshape(())
        # A channel of an image or a signal each: every axis behind it has one element.
        behind = array.shape[int(np.argmax(np.array(array.shape) > 1)) + 1 :]
        if behind and set(behind) == {1}:
            return array.reshape(-1)
        if array.shape[-1] != array.size:
            raise UnfitError(f"constants must vary along the last axis only, not {array.shape}")
        return array.reshape(-1)

    def pair(self, a: Any, b: Any) -> tuple[str, np.ndarray]:
        """The computed one of two operands, and the elements of the constant one."""
        if isinstance(a, str) and isinstance(b, str):
            raise UnfitError("one operand must be a constant", "add branches or join them")
        return (a, self.elements(b)) if isinstance(a, str) else (b, self.elements(a))

    def known_shape(self, x: Any) -> tuple[int, ...]:
        """Shape of a value, without the batch."""
        shape = self.builder.shape(x)
        if shape is None:
            raise UnfitError("shape must be known, but an earlier layer was refused")
        return shape

    def weights(self, weights: Any) -> QuantisedConstant:
        """An operand that must be quantised weights."""
        if isinstance(weights, str):
            raise UnfitError("weights must be constants, not computed")
        if not isinstance(weights, QuantisedConstant):
            remedy = "quantise them, for example with brevitas.nn.QuantLinear, or by a Quant node"
            raise UnfitError("weights must be quantised, not float", remedy)
        if not weights.integers.size:
            shape = weights.integers.shape
            raise UnfitError(
                f"weights must hold values, not have the shape {shape}", "export again"
            )
        return weights
