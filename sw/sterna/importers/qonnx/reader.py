"""Reads QONNX files into a source network.

Operations are read in file order. Those on constants only are folded away with numpy; quantisers
of constants give integer weights with their scales, which stay together through transposes until a
matrix product takes them; everything else becomes a node of the source network under the ONNX
node's name, by the handler of its type (`layers`, `images`, `arithmetic`, `shapes`). `Quant` (also
spelled `IntQuant`) and `BipolarQuant` mean what qonnx executes. What no handler knows, or what does
not fit one, is noted as a problem of its node, and reading goes on.
"""

from __future__ import annotations

import os

import numpy as np
import onnx

from ...source import IntegerInput, SourceBuilder, SourceGraph
from ..integer_input import integer_input
from .arithmetic import ARITHMETIC
from .constants import FOLDED, attributes
from .context import Context, Handler, Operand
from .file import OnnxFile, open_onnx
from .images import IMAGES, WINDOWS
from .layers import LAYERS
from .shapes import SHAPES
from .weights import KNOWN, QuantisedConstant, UnfitError

__all__ = ["read_qonnx"]

_FITTING = "give it an input and parameters that fit"

_HANDLERS: dict[str, Handler] = {**LAYERS, **IMAGES, **ARITHMETIC, **SHAPES}


def read_qonnx(path: str | os.PathLike[str], input_type: str | None = None) -> SourceGraph:
    """The source network of a QONNX file.

    Operations that are not understood are noted in the result's ``problems``. ``input_type`` says
    what the input holds (see `integer_input`) where that is not what the file says.

    Raises
    ------
    UnsupportedError
        If the file is not ONNX, is damaged, or its input and output do not fit.
    OSError
        If the file cannot be opened.
    """
    file = open_onnx(path)
    integers = file.integers if input_type is None else integer_input(input_type)
    return _Reader(file, integers).read()


class _Reader:
    """One walk over a file."""

    def __init__(self, file: OnnxFile, integers: IntegerInput | None) -> None:
        self.file = file
        self.builder = SourceBuilder(file.name, file.number_type, integers)
        self.context = Context(file, self.builder)
        self.env: dict[str, Operand] = dict(file.constants)

    def read(self) -> SourceGraph:
        file = self.file
        windows = [node for node in file.nodes if node.op_type in WINDOWS]
        axes = {len(attributes(node).get("kernel_shape", ())) for node in windows}
        is_signal = bool(windows) and 2 not in axes
        self.env[file.input_name] = self.builder.input(
            file.input_name, file.shape, bool(windows), is_signal
        )
        for node in file.nodes:
            self._node(node)
        output = self.env.get(file.output_name)
        if not isinstance(output, str):
            reason = "must depend on the network's input"
            output = self.builder.refuse(file.output_name, None, reason, "export the network again")
        return self.builder.finish(output)

    def _node(self, node: onnx.NodeProto) -> None:
        if not node.output:
            self.builder.refuse(node.name or node.op_type, None, "must have an output", KNOWN)
            return
        name = node.name or node.output[0]
        missing = [item for item in node.input if item and item not in self.env]
        operands = [self.env[item] if item in self.env else None for item in node.input]
        value = next((item for item in operands if isinstance(item, str)), None)
        result: Operand
        if value is not None and any(self.builder.is_opaque(x) for x in operands if x is not value):
            # A parameter was refused before; to refuse its reader too would tell nothing new.
            self.env[node.output[0]] = self.builder.opaque(name, value)
            return
        try:
            if missing:
                raise UnfitError(f"input {missing[0]} must be defined before", "sort the graph")
            if value is None and node.op_type in FOLDED:
                plain = [x.real() if isinstance(x, QuantisedConstant) else x for x in operands]
                if node.op_type != "Transpose" or isinstance(operands[0], np.ndarray):
                    self.env[node.output[0]] = FOLDED[node.op_type](node, *plain)
                    return
            handler = _HANDLERS.get(node.op_type)
            if handler is None:
                raise UnfitError(f"operation {node.op_type} is unknown")
            result = handler(self.context, name, attributes(node), *operands)
        except UnfitError as error:
            result = self.builder.refuse(name, value, str(error), error.remedy)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"{node.op_type} must fit ({error})"
            result = self.builder.refuse(name, value, reason, _FITTING)
        self.env[node.output[0]] = result
