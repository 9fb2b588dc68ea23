"""Opens an ONNX file and says in plain words what is wrong with it if it is none.

Everything that can be wrong before a single operation is looked at is found here: not a file, not
ONNX, truncated, weights missing, several inputs or outputs, an axis other than the batch left open.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from ...source import IntegerInput
from ...unsupported import Problem, UnsupportedError
from ..integer_input import INPUT_TYPES

__all__ = ["OnnxFile", "open_onnx"]

_FLOATS: dict[int, str] = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.DOUBLE: "float64"}
_INTEGERS: dict[int, str] = {getattr(onnx.TensorProto, name.upper()): name for name in INPUT_TYPES}


@dataclass(frozen=True)
class OnnxFile:
    """The checked content of a file.

    ``shape`` leaves the batch axis out, ``batch`` is its size or ``None`` if symbolic,
    ``constants`` holds the initialisers by name, and ``integers`` says what an input holds
    that has integers, by its type or by a ``finn_datatype`` of its annotation.
    """

    name: str
    number_type: str
    input_name: str
    output_name: str
    shape: tuple[int, ...]
    batch: int | None
    constants: dict[str, np.ndarray]
    integers: IntegerInput | None
    nodes: tuple[onnx.NodeProto, ...]


def open_onnx(path: str | os.PathLike[str]) -> OnnxFile:
    """Reads and checks a file.

    Raises
    ------
    UnsupportedError
        With the file's name and what is wrong with it.
    OSError
        If the file cannot be opened.
    """
    path = Path(path)
    if path.is_dir():
        raise _error(path, "must be a file, not a folder", "give the .onnx file itself")
    content = path.read_bytes()
    export = "export the network as QONNX again"
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
        valid = bool(model.graph.node and model.graph.output and model.opset_import)
    except Exception:  # protobuf's decoder raises classes of its own
        valid = False
    if not valid:
        raise _error(path, "must be an ONNX file, not damaged, truncated or something else", export)
    graph = model.graph
    constants: dict[str, np.ndarray] = {}
    for tensor in graph.initializer:
        try:
            constants[tensor.name] = numpy_helper.to_array(tensor, str(path.parent))
        except Exception as error:
            reason = f"constant {tensor.name} must be readable ({_first_line(error)})"
            raise _error(path, reason, export) from error
    inputs = [item for item in graph.input if item.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        counts = f"{len(inputs)} and {len(graph.output)}"
        raise _error(
            path, f"inputs and outputs must be one each, not {counts}", "split the network"
        )
    tensor_type = inputs[0].type.tensor_type
    if tensor_type.elem_type not in (*_FLOATS, *_INTEGERS):
        kinds = {value: kind.lower() for kind, value in onnx.TensorProto.DataType.items()}
        kind = kinds.get(tensor_type.elem_type, "unknown")
        reason = f"input must be float, double or 8- or 16-bit integers, not {kind}"
        raise _error(path, reason, export)
    shape, batch = _sample_shape(path, inputs[0])
    return OnnxFile(
        graph.name or path.stem,
        _FLOATS.get(tensor_type.elem_type, "float32"),
        inputs[0].name,
        graph.output[0].name,
        shape,
        batch,
        constants,
        _integers(graph, inputs[0]),
        tuple(graph.node),
    )


def _integers(graph: onnx.GraphProto, value: onnx.ValueInfoProto) -> IntegerInput | None:
    """The integers that an input holds, if the file says so."""
    kind = _INTEGERS.get(value.type.tensor_type.elem_type)
    for annotation in graph.quantization_annotation:
        if annotation.tensor_name == value.name:
            for entry in annotation.quant_parameter_tensor_names:
                if entry.key == "finn_datatype":
                    kind = kind or entry.value.lower()
    return IntegerInput(INPUT_TYPES[kind]) if kind in INPUT_TYPES else None


def _sample_shape(path: Path, value: onnx.ValueInfoProto) -> tuple[tuple[int, ...], int | None]:
    axes = value.type.tensor_type.shape.dim
    if len(axes) < 2:
        reason = f"input {value.name} must have a batch axis and features, not {len(axes)} axes"
        raise _error(path, reason, "export with a batch axis in front")
    sizes = [axis.dim_value if axis.HasField("dim_value") else None for axis in axes]
    for axis, size in zip(axes[1:], sizes[1:]):
        if size is None or size < 1:
            shown = axis.dim_param or size
            reason = f"feature axes of input {value.name} must be fixed, not {shown!r}"
            raise _error(path, reason, "leave open the batch axis only")
    batch = sizes[0] if sizes[0] and sizes[0] > 0 else None
    return tuple(int(size) for size in sizes[1:] if size), batch


def _error(path: Path, reason: str, remedy: str) -> UnsupportedError:
    return UnsupportedError([Problem(path.name, reason, remedy)])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
