"""Network files with one thing wrong each, made from a zoo network by changing its ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from sterna_models import zoo

__all__ = ["BROKEN", "write_broken"]

SOURCE = "digits_int4_mlp"
Break = Callable[[onnx.ModelProto], None]


def write_broken(name: str, folder: Path) -> Path:
    """Writes the network that the row ``name`` of `BROKEN` breaks; gives its path."""
    path = folder / f"{name}.onnx"
    whole = zoo.path(SOURCE).read_bytes()
    if name == "not_onnx":
        path.write_text("model: a picture of a duck\n")
    elif name == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "empty":
        path.write_bytes(b"")
    else:
        model = onnx.load_from_string(whole)
        BROKEN[name][0](model)
        path.write_bytes(model.SerializeToString())
    return path


def _tensor(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    (found,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    return found


def _set(name: str, value: float) -> Break:
    """Sets the first element of a constant."""

    def change(model: onnx.ModelProto) -> None:
        tensor = _tensor(model, name)
        array = numpy_helper.to_array(tensor).copy()
        array.reshape(-1)[0] = value
        tensor.CopyFrom(numpy_helper.from_array(array, name))

    return change


def _without_quantisers(model: onnx.ModelProto) -> None:
    """A float network: each quantiser passes its input through."""
    for node in model.graph.node:
        if node.op_type == "Quant":
            node.op_type, node.domain = "Identity", ""
            del node.input[1:], node.attribute[:]


def _retype(node_name: str, op_type: str) -> Break:
    def change(model: onnx.ModelProto) -> None:
        (node,) = (node for node in model.graph.node if node.name == node_name)
        node.op_type = op_type

    return change


def _two_bad_layers(model: onnx.ModelProto) -> None:
    _retype("relu1.function", "Softmax")(model)
    _retype("relu2.function", "Sin")(model)


def _dynamic_features(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "features"


BROKEN: dict[str, tuple[Break, tuple[str, ...]]] = {
    "not_onnx": (lambda model: None, ("not_onnx.onnx",)),
    "truncated": (lambda model: None, ("truncated.onnx",)),
    "empty": (lambda model: None, ("empty.onnx",)),
    "float_model": (_without_quantisers, ("hidden1", "hidden2", "output")),
    "nan_weight": (_set("hidden2.weight", np.nan), ("hidden2",)),
    "infinite_scale": (_set("hidden1.weight_scale", np.inf), ("hidden1",)),
    "zero_scale": (_set("relu1.scale", 0.0), ("relu1",)),
    "nan_bias": (_set("output.bias.addend", np.nan), ("output",)),
    "unsupported_op": (_retype("relu1.function", "Softmax"), ("relu1", "Softmax")),
    "two_unsupported_ops": (_two_bad_layers, ("relu1", "Softmax", "relu2", "Sin")),
    "dynamic_feature_axis": (_dynamic_features, ("input",)),
}
"""What breaks each network, and the words that the one line must hold."""
