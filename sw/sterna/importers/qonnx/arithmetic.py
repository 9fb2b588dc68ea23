"""Handlers of element-wise operations in QONNX files, and of sums of branches.

A constant operand is a number or one value for each channel. Batch norm is a multiplication and an
addition, with a rounding each, as onnxruntime, which qonnx executes with, does it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from ...source import (
    Add,
    AddBranches,
    Cast,
    Clip,
    Divide,
    Function,
    LeakyRelu,
    Multiply,
    Relu,
)
from .context import Context, Handler, Operand
from .weights import UnfitError

__all__ = ["ARITHMETIC"]

_FUNCTIONS = ("Gelu", "HardSwish", "Sigmoid", "Softplus", "Tanh")
"""Functions that files have by name."""


def add(context: Context, name: str, options: dict[str, Any], a: Any, b: Any) -> Operand:
    if isinstance(a, str) and isinstance(b, str):
        return context.builder.join(name, AddBranches(), (a, b))
    x, constant = context.pair(a, b)
    return context.builder.add(name, Add(constant), x)


def subtract(context: Context, name: str, options: dict[str, Any], a: Any, b: Any) -> Operand:
    if isinstance(a, str) and isinstance(b, str):
        return context.builder.join(name, AddBranches(subtracts=True), (a, b))
    x, constant = context.pair(a, b)
    if isinstance(a, str):
        return context.builder.add(name, Add(-constant), x)
    return context.builder.add(name, Add(constant), negate(context, f"{name}.negative", {}, x))


def multiply(context: Context, name: str, options: dict[str, Any], a: Any, b: Any) -> Operand:
    x, constant = context.pair(a, b)
    return context.builder.add(name, Multiply(constant), x)


def divide(context: Context, name: str, options: dict[str, Any], a: Any, b: Any) -> Operand:
    if not isinstance(a, str):
        raise UnfitError("divisor must be a constant")
    x, constant = context.pair(a, b)
    return context.builder.add(name, Divide(constant), x)


def negate(context: Context, name: str, options: dict[str, Any], x: Any) -> str:
    minus = np.asarray(-1, dtype=context.file.number_type)
    return context.builder.add(name, Multiply(minus), x)


def relu(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    return context.builder.add(name, Relu(), x)


def function(kind: str) -> Handler:
    """The handler of a function that is known by its name."""

    def handler(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
        if options.get("approximate", "none") != "none":
            raise UnfitError("GELU must not be approximate", "export it exactly")
        return context.builder.add(name, Function(kind), x)

    return handler


def leaky_relu(
    context: Context, name: str, options: dict[str, Any], x: Any, slope: Any = None
) -> Operand:
    given = options.get("alpha", 0.01) if slope is None else context.elements(slope)
    return context.builder.add(name, LeakyRelu(np.asarray(given, context.file.number_type)), x)


def clip(
    context: Context, name: str, options: dict[str, Any], x: Any, low: Any = None, high: Any = None
) -> Operand:
    ends = [
        options.get(key, default) if bound is None else float(context.constant(bound).flat[0])
        for bound, key, default in ((low, "min", -np.inf), (high, "max", np.inf))
    ]
    return context.builder.add(name, Clip(float(ends[0]), float(ends[1])), x)


def cast(context: Context, name: str, options: dict[str, Any], x: Any) -> Operand:
    kinds = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.DOUBLE: "float64"}
    if options["to"] not in kinds:
        raise UnfitError("cast must be to float or double")
    return context.builder.add(name, Cast(kinds[options["to"]]), x)


def batch_norm(
    context: Context, name: str, options: dict[str, Any], x: Any, *parameters: Any
) -> Operand:
    weight, bias, mean, variance = (context.elements(item) for item in parameters)
    number = np.dtype(context.file.number_type).type
    gain = weight * (number(1) / np.sqrt(variance + number(options.get("epsilon", 1e-5))))
    # onnxruntime, which qonnx executes with, multiplies and adds with a rounding each.
    scaled = context.builder.add(f"{name}.gain", Multiply(gain), x)
    return context.builder.add(name, Add(bias - mean * gain), scaled)


ARITHMETIC: dict[str, Handler] = {
    "Add": add,
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "Clip": clip,
    "Div": divide,
    "LeakyRelu": leaky_relu,
    "Mul": multiply,
    "Neg": negate,
    "PRelu": leaky_relu,
    "Relu": relu,
    "Sub": subtract,
    **{kind: function(kind.lower()) for kind in _FUNCTIONS},
}
"""Handlers by operation type."""
