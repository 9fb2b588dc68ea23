"""Nodes and constants of a QONNX file, one source operation at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from sterna_hw.base import IntegerRange

from ..source import (
    CHANNELS_LAST,
    Add,
    AddBranches,
    BipolarQuantiser,
    Cast,
    Clip,
    ConcatBranches,
    Divide,
    Function,
    IntegerQuantiser,
    LeakyRelu,
    Linear,
    Multiply,
    MultiplyAdd,
    Operation,
    PixelShuffle,
    Pooling,
    Relu,
    Reshape,
    Transpose,
    Upsample,
    Windows,
)

__all__ = ["OnnxNodes"]

_DOMAIN = "qonnx.custom_op.general"
_FUNCTIONS = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "hardswish": "HardSwish",
}
_TYPES = {"float32": onnx.TensorProto.FLOAT, "float64": onnx.TensorProto.DOUBLE}


class OnnxNodes:
    """Collects the nodes of one file.

    Parameters
    ----------
    fused_in_double : :class:`bool`
        Whether multiply-adds are computed in double precision.
    """

    def __init__(self, fused_in_double: bool) -> None:
        self.fused_in_double = fused_in_double
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        # Files have channels first: transposes of images vanish, and what stands for them is here.
        self.aliases: dict[str, str] = {}
        self.images: set[str] = set()
        self.windows: dict[str, Windows] = {}

    def add(self, name: str, operation: Operation, x: str, *others: str) -> None:
        """Adds an operation on the value ``x`` and others; its result is called ``name``."""
        if isinstance(operation, Transpose):
            self.aliases[name] = self.aliases.get(x, x)
            if operation.axes == CHANNELS_LAST.axes:
                self.images.add(name)
            return
        if x in self.images:
            self.images.add(name)
        source, x = x, self.aliases.get(x, x)
        match operation:
            case Pooling():
                kind = "AveragePool" if operation.mean else "MaxPool"
                options = _window_attributes(operation)
                if operation.mean:
                    del options["dilations"]  # a pooling of means has none
                if operation.mean and operation.pads:
                    options["count_include_pad"] = 1
                self._node(kind, name, x, **options)
            case Windows():
                self.windows[name] = operation
                self.aliases[name] = x
            case Linear() if source in self.windows:
                self._convolution(name, operation, x, self.windows[source])
            case Linear():
                self._linear(name, operation, x)
            case IntegerQuantiser() | BipolarQuantiser():
                self._quantiser(name, operation, x)
            case MultiplyAdd():
                self._multiply_add(name, operation, x)
            case Multiply():
                self._arithmetic("Mul", name, x, "factor", operation.constant)
            case Divide():
                self._arithmetic("Div", name, x, "divisor", operation.constant)
            case Add():
                self._arithmetic("Add", name, x, "addend", operation.constant)
            case AddBranches():
                kind = "Sub" if operation.subtracts else "Add"
                self._node(kind, name, x, *(self.aliases.get(y, y) for y in others))
            case ConcatBranches():
                # With channels first they are axis 1, as in vectors.
                self._node("Concat", name, x, *(self.aliases.get(y, y) for y in others), axis=1)
            case Relu():
                self._node("Relu", name, x)
            case Upsample():
                factors = np.array([1, 1, operation.down, operation.across], np.float32)
                scales = self._constant(f"{name}.scales", factors)
                rule = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                self._node("Resize", name, x, "", scales, mode="nearest", **rule)
            case PixelShuffle() if operation.down == operation.across:
                mode = "DCR" if operation.parts_first else "CRD"
                self._node("DepthToSpace", name, x, blocksize=operation.down, mode=mode)
            case LeakyRelu():
                slope = self._by_channel(f"{name}.slope", name, operation.slope)
                self._node("PRelu", name, x, slope)
            case Function() if operation.name in _FUNCTIONS:
                self._node(_FUNCTIONS[operation.name], name, x)
            case Function():
                known = ", ".join(_FUNCTIONS)
                raise ValueError(f"Function {name} of a file must be {known}, not {operation.name}")
            case Clip():
                ends = (("low", operation.low), ("high", operation.high))
                bounds = [self._constant(f"{name}.{end}", np.float32(v)) for end, v in ends]
                self._node("Clip", name, x, *bounds)
            case Cast():
                self._node("Cast", name, x, to=_TYPES[operation.number_type])
            case Reshape():
                self._reshape(name, operation, x)
            case _:
                raise TypeError(f"Operation must be known, not {type(operation).__name__}")

    def _node(self, kind: str, name: str, *inputs: str, domain: str = "", **options: Any) -> str:
        self.nodes.append(
            helper.make_node(kind, list(inputs), [name], name=name, domain=domain, **options)
        )
        return name

    def _constant(self, name: str, values: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.array(values), name))
        return name

    def _arithmetic(self, kind: str, name: str, x: str, what: str, constant: np.ndarray) -> None:
        self._node(kind, name, x, self._by_channel(f"{name}.{what}", name, constant))

    def _by_channel(self, name: str, of: str, values: np.ndarray) -> str:
        """A constant beside the value ``of``: with channels first, other axes follow them."""
        if of in self.images and np.ndim(values):
            values = np.reshape(values, (-1, 1, 1))
        return self._constant(name, values)

    def _convolution(self, name: str, linear: Linear, x: str, windows: Windows) -> None:
        height, width = windows.rows.kernel, windows.columns.kernel
        shape = (len(linear.weights), height, width, -1)
        options = _window_attributes(windows)
        if linear.groups > 1:
            options["group"] = linear.groups
        scale = linear.scale.reshape(-1, 1, 1, 1)
        if (linear.scale == linear.scale[0]).all():
            scale = linear.scale[0]
        integers = linear.seen(windows.taps).reshape(shape).transpose(0, 3, 1, 2)
        quantised = self._weights(name, integers, scale, linear.binary)
        self._node("Conv", name, x, quantised, **options)

    def _linear(self, name: str, linear: Linear, x: str) -> None:
        scale = linear.scale[np.newaxis, :]
        if (linear.scale == linear.scale[0]).all():
            scale = linear.scale[0]
        quantised = self._weights(name, linear.weights.T, scale, linear.binary)
        self._node("MatMul", name, x, quantised)

    def _weights(self, name: str, integers: np.ndarray, scale: np.ndarray, binary: bool) -> str:
        """Weights on their grid behind a quantiser."""
        weights = self._constant(f"{name}.weight", integers.astype(np.float32) * scale)
        scales = self._constant(f"{name}.weight_scale", scale)
        if binary:
            return self._node(
                "BipolarQuant", f"{name}.weight_quant", weights, scales, domain=_DOMAIN
            )
        held = IntegerRange.of_values(integers).union(IntegerRange(-1, 1))
        narrow = held.low > IntegerRange.of_width(held.width, signed=True).low
        return self._quant(
            f"{name}.weight_quant", weights, scales, 0, held.width, True, narrow, "ROUND"
        )

    def _quantiser(self, name: str, quantiser: IntegerQuantiser | BipolarQuantiser, x: str) -> None:
        scale = self._by_channel(f"{name}.scale", name, quantiser.scale)
        if isinstance(quantiser, BipolarQuantiser):
            self._node("BipolarQuant", name, x, scale, domain=_DOMAIN)
            return
        self._quant(
            name,
            x,
            scale,
            quantiser.zero_point,
            quantiser.bits,
            quantiser.signed,
            quantiser.narrow,
            quantiser.rounding,
        )

    def _quant(
        self,
        name: str,
        x: str,
        scale: str,
        zero_point: int,
        bits: int,
        signed: bool,
        narrow: bool,
        rounding: str,
    ) -> str:
        zero = self._constant(f"{name}.zero_point", np.float32(zero_point))
        width = self._constant(f"{name}.bits", np.float32(bits))
        return self._node(
            "Quant",
            name,
            x,
            scale,
            zero,
            width,
            domain=_DOMAIN,
            signed=int(signed),
            narrow=int(narrow),
            rounding_mode=rounding,
        )

    def _multiply_add(self, name: str, operation: MultiplyAdd, x: str) -> None:
        if not self.fused_in_double:
            gain = self._by_channel(f"{name}.gain.factor", name, operation.gain)
            addend = self._by_channel(f"{name}.addend", name, operation.addend)
            self._node("Add", name, self._node("Mul", f"{name}.gain", x, gain), addend)
            return
        gain = self._by_channel(f"{name}.gain.factor", name, operation.gain.astype(np.float64))
        addend = self._by_channel(f"{name}.addend", name, operation.addend.astype(np.float64))
        wide = self._node("Cast", f"{name}.double", x, to=onnx.TensorProto.DOUBLE)
        product = self._node("Mul", f"{name}.gain", wide, gain)
        total = self._node("Add", f"{name}.sum", product, addend)
        self._node("Cast", name, total, to=onnx.TensorProto.FLOAT)

    def _reshape(self, name: str, reshape: Reshape, x: str) -> None:
        if len(reshape.target) == 1:
            self._node("Flatten", name, x, axis=1)
            return
        shape = np.array([0, *reshape.target], dtype=np.int64)
        self._node("Reshape", name, x, self._constant(f"{name}.shape", shape))


def _window_attributes(windows: Windows) -> dict[str, Any]:
    rows, columns = windows.rows, windows.columns
    return {
        "kernel_shape": [rows.kernel, columns.kernel],
        "strides": [rows.stride, columns.stride],
        "dilations": [rows.dilation, columns.dilation],
        "pads": [rows.before, columns.before, rows.after, columns.after],
    }
