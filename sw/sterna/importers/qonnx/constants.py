"""Folding of ONNX operations whose operands are all constants, and reading of node attributes.

Exporters leave arithmetic on shapes and parameters in the file. It is done once, here, with numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["FOLDED", "attributes"]


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as plain Python values; byte strings decoded."""
    values = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    return {
        key: value.decode() if isinstance(value, bytes) else value for key, value in values.items()
    }


def _constant(node: onnx.NodeProto) -> np.ndarray:
    ((name, value),) = attributes(node).items()
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if name in ("value_float", "value_floats"):
        return np.asarray(value, dtype=np.float32)
    if name in ("value_int", "value_ints"):
        return np.asarray(value, dtype=np.int64)
    raise ValueError(f"constant {name} is unknown")


def _cast(node: onnx.NodeProto, x: np.ndarray) -> np.ndarray:
    return x.astype(helper.tensor_dtype_to_np_dtype(attributes(node)["to"]))


def _axes(node: onnx.NodeProto, axes: np.ndarray | None) -> list[int] | None:
    values = attributes(node).get("axes") if axes is None else axes.tolist()
    return None if values is None else [int(axis) for axis in values]


def _unsqueeze(node: onnx.NodeProto, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    places = _axes(node, axes)
    return x if places is None else np.expand_dims(x, tuple(places))


def _squeeze(node: onnx.NodeProto, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    places = _axes(node, axes)
    return np.squeeze(x) if places is None else np.squeeze(x, tuple(places))


def _gather(node: onnx.NodeProto, x: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.take(x, places, axis=int(attributes(node).get("axis", 0)))


def _concat(node: onnx.NodeProto, *parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, axis=int(attributes(node)["axis"]))


def _transpose(node: onnx.NodeProto, x: np.ndarray) -> np.ndarray:
    return np.transpose(x, attributes(node).get("perm"))


def _reshape(node: onnx.NodeProto, x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    return x.reshape([x.shape[i] if n == 0 else int(n) for i, n in enumerate(shape.tolist())])


FOLDED: dict[str, Callable[..., np.ndarray]] = {
    "Add": lambda node, a, b: np.asarray(a + b),
    "Cast": _cast,
    "Concat": _concat,
    "Constant": _constant,
    "Div": lambda node, a, b: np.asarray(a / b if a.dtype.kind == "f" else a // b),
    "Gather": _gather,
    "Identity": lambda node, x: x,
    "Mul": lambda node, a, b: np.asarray(a * b),
    "Neg": lambda node, x: -x,
    "Reciprocal": lambda node, x: np.asarray(1 / x),
    "Reshape": _reshape,
    "Sqrt": lambda node, x: np.sqrt(x),
    "Squeeze": _squeeze,
    "Sub": lambda node, a, b: np.asarray(a - b),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Functions ``(node, *constants)`` by operation type."""
