"""Small ONNX files written node by node, for tests of the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["DOMAIN", "Sketch"]

DOMAIN = "qonnx.custom_op.general"


class Sketch:
    """Collects nodes; each method returns the name of its result."""

    def __init__(self, shape: tuple[int | str | None, ...] = ("batch", 4)) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, kind: str, *inputs: str, name: str | None = None, **options: Any) -> str:
        domain = DOMAIN if "Quant" in kind else ""
        result = name if name is not None else f"t{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [result], domain=domain, **options)
        node.name = name or ""
        self.nodes.append(node)
        return result

    def quant(
        self,
        x: str,
        scale: Any = 1.0,
        bits: float = 4,
        *,
        zero: Any = 0.0,
        kind: str = "Quant",
        name: str | None = None,
        **options: Any,
    ) -> str:
        options = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | options
        parts = [self.constant(scale), self.constant(zero), self.constant(bits)]
        return self.node(kind, x, *parts, name=name, **options)

    def model(self, output: str, **options: Any) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, self.shape)]
        outputs = [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ("batch", 3))]
        graph = helper.make_graph(self.nodes, "sketch", inputs, outputs, self.constants)
        opsets = [
            helper.make_opsetid("", options.pop("opset", 17)),
            helper.make_opsetid(DOMAIN, 1),
        ]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, **options)

    def write(self, folder: Path, output: str, **options: Any) -> Path:
        path = folder / "sketch.onnx"
        path.write_bytes(self.model(output, **options).SerializeToString())
        return path
