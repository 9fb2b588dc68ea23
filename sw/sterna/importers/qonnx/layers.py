"""Handlers of quantisers and of matrix products in QONNX files.

A quantiser of a constant is evaluated at once; one of a computed value becomes a node. A matrix
product takes the integers of its quantised weights, outputs first, and a bias where there is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .context import Context, Handler, Operand
from .weights import UnfitError, quantise_constant

__all__ = ["LAYERS"]


def quant(
    context: Context, name: str, options: dict[str, Any], x: Any, scale: Any, zero: Any, bits: Any
) -> Operand:
    scale, zero, bits = (context.constant(item) for item in (scale, zero, bits))
    signed, narrow = bool(options.get("signed", 1)), bool(options.get("narrow", 1))
    rounding = str(options.get("rounding_mode", "ROUND"))
    if bits.size != 1 or (zero != zero.flat[0]).any():
        raise UnfitError("bit width and zero point must be one for the tensor")
    if isinstance(x, str):
        return context.builder.quantise(
            name, x, scale, float(zero.flat[0]), float(bits.flat[0]), signed, narrow, rounding
        )
    return quantise_constant(
        context.constant(x).astype(context.file.number_type),
        scale.astype(context.file.number_type),
        float(zero.flat[0]),
        float(bits.flat[0]),
        signed,
        narrow,
        rounding,
    )


def bipolar(context: Context, name: str, options: dict[str, Any], x: Any, scale: Any) -> Operand:
    scale = context.constant(scale)
    if isinstance(x, str):
        return context.builder.quantise(name, x, scale, 0.0, 1.0, True, False, "ROUND")
    number_type = context.file.number_type
    real = context.constant(x).astype(number_type)
    return quantise_constant(real, scale.astype(number_type), 0.0, 1.0, True, False, "ROUND")


def matmul(context: Context, name: str, options: dict[str, Any], x: Any, weights: Any) -> Operand:
    if not isinstance(x, str):
        raise UnfitError("the activation must come first", "multiply activations by weights")
    return _linear(context, name, x, weights, transpose=True, bias=None)


def gemm(
    context: Context, name: str, options: dict[str, Any], x: Any, weights: Any, bias: Any = None
) -> Operand:
    if options.get("alpha", 1.0) != 1.0 or options.get("beta", 1.0) != 1.0:
        raise UnfitError("alpha and beta must be 1", "scale the weights")
    if not isinstance(x, str) or options.get("transA", 0):
        raise UnfitError("the activation must come first, not transposed")
    addend = None if bias is None else context.constant(bias).reshape(-1)
    return _linear(context, name, x, weights, not options.get("transB", 0), addend)


def _linear(
    context: Context, name: str, x: str, weights: Any, transpose: bool, bias: np.ndarray | None
) -> Operand:
    weights = context.weights(weights)
    if weights.integers.ndim != 2:
        raise UnfitError(f"weights must have two axes, not {weights.integers.ndim}")
    if transpose:
        weights = weights.transposed(None)
    if bias is not None and bias.size == 1:
        bias = bias.reshape(())
    return context.builder.linear(name, x, weights.integers, weights.scale, bias, weights.binary)


LAYERS: dict[str, Handler] = {
    "BipolarQuant": bipolar,
    "Gemm": gemm,
    "IntQuant": quant,
    "MatMul": matmul,
    "Quant": quant,
}
"""Handlers by operation type."""
