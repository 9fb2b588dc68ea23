"""Writes QONNX files that mean the same to every reader.
 Weights are written already on their grid, integer times scale in float32, behind a `Quant` (or
`BipolarQuant`) node that gives back the same integers whoever evaluates it; ternary is 2 bits,
signed and narrow. Nodes carry the names of the source's layers. The bytes depend on the network
only.

A file cannot say that a multiply-add rounds once, as torch's batch norm does. It is written as a
multiplication and an addition, and the file is read back and lowered: if any threshold differs from
the network's own, the two are computed in double precision instead, and it is checked again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from ..importers import INPUT_TYPES, load_qonnx, lower, read_brevitas
from ..source import IntegerInput, SourceGraph
from .onnx_nodes import OnnxNodes

__all__ = ["write_qonnx"]

_OPSET = 17
_IR_VERSION = 9


def write_qonnx(
    network: SourceGraph | Any,
    path: str | os.PathLike[str],
    input_shape: Sequence[int] | None = None,
    name: str | None = None,
    input_type: str | None = None,
) -> None:
    """Writes a network as a QONNX file, batch axis symbolic.

    Parameters
    ----------
    network : :class:`SourceGraph` or :class:`torch.nn.Module`
        A source network of float32, or a Brevitas module.
    path : path
        File to write; it appears only when complete and verified.
    input_shape : sequence of :class:`int`, optional
        Shape of one sample, needed for a module.
    name : :class:`str`, optional
        Name of the network made from a module; its class by default.
    input_type : :class:`str`, optional
        What the input of a module holds, see `from_brevitas`.

    Raises
    ------
    UnsupportedError
        If the network cannot be represented.
    ValueError
        If the network is not float32, or the input shape of a module is missing.
    """
    if isinstance(network, SourceGraph):
        source = network
    elif input_shape is None:
        raise ValueError("Input shape must be given for a module, not None")
    else:
        source = read_brevitas(network, input_shape, name, input_type)
    if source.integers is not None and source.integers.scale != 1:
        raise ValueError(
            f"Integers of an input must be worth 1 in a file, not {source.integers.scale:g}: "
            f"divide them inside the network"
        )
    if source.number_type != "float32":
        raise ValueError(f"Number type of a network must be float32, not {source.number_type}")
    expected = lower(source, approximate=True).graph
    path = Path(path)
    with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=".write-") as folder:
        draft = Path(folder) / path.name
        for fused_in_double in (False, True):
            model = _model(source, fused_in_double)
            draft.write_bytes(model.SerializeToString(deterministic=True))
            if load_qonnx(draft, approximate=True) == expected:
                draft.replace(path)
                return
    raise ValueError(f"File of {source.name} must mean the network itself, but does not")


def _model(source: SourceGraph, fused_in_double: bool) -> onnx.ModelProto:
    helper = onnx.helper
    nodes = OnnxNodes(fused_in_double)
    ((input_name, shape),) = source.inputs.items()
    (output_name,) = source.outputs
    shapes = {input_name: shape}
    for node in source.needed():
        shapes[node.name] = node.operation.shape(*(shapes[name] for name in node.inputs)) or ()
        nodes.add(node.name, node.operation, *node.inputs)
    tensors = [
        helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, ["batch", *shapes[value]])
        for value in (input_name, output_name)
    ]
    graph = helper.make_graph(
        nodes.nodes, source.name, tensors[:1], tensors[1:], initializer=nodes.constants
    )
    for kind, values in INPUT_TYPES.items():
        if source.integers == IntegerInput(values):
            annotation = graph.quantization_annotation.add(tensor_name=input_name)
            annotation.quant_parameter_tensor_names.add(key="finn_datatype", value=kind.upper())
    opsets = [
        helper.make_opsetid("", _OPSET),
        helper.make_opsetid("qonnx.custom_op.general", 1),
    ]
    return helper.make_model(
        graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="sterna"
    )
