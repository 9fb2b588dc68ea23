"""Nodes and constants of a QONNX file, one source operation at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from sterna_hw.base import IntegerRange

from ..source import (
    Add,
    BipolarQuantiser,
    Cast,
    Clip,
    Divide,
    IntegerQuantiser,
    Linear,
    Multiply,
    MultiplyAdd,
    Operation,
    Relu,
    Reshape,
)

__all__ = ["OnnxNodes"]

_DOMAIN = "qonnx.custom_op.general"
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

    def add(self, name: str, operation: Operation, x: str) -> None:
        """Adds an operation on the value ``x``; its result is called ``name``."""
        match operation:
            case Linear():
                self._linear(name, operation, x)
            case IntegerQuantiser() | BipolarQuantiser():
                self._quantiser(name, operation, x)
            case MultiplyAdd():
                self._multiply_add(name, operation, x)
            case Multiply():
                self._node("Mul", name, x, self._constant(f"{name}.factor", operation.constant))
            case Divide():
                self._node("Div", name, x, self._constant(f"{name}.divisor", operation.constant))
            case Add():
                self._node("Add", name, x, self._constant(f"{name}.addend", operation.constant))
            case Relu():
                self._node("Relu", name, x)
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

    def _linear(self, name: str, linear: Linear, x: str) -> None:
        scale = linear.scale[np.newaxis, :]
        if (linear.scale == linear.scale[0]).all():
            scale = linear.scale[0]
        grid = linear.weights.T.astype(np.float32) * scale
        weights = self._constant(f"{name}.weight", grid)
        scales = self._constant(f"{name}.weight_scale", scale)
        if linear.binary:
            quantised = self._node(
                "BipolarQuant", f"{name}.weight_quant", weights, scales, domain=_DOMAIN
            )
        else:
            held = IntegerRange.of_values(linear.weights).union(IntegerRange(-1, 1))
            narrow = held.low > IntegerRange.of_width(held.width, signed=True).low
            quantised = self._quant(
                f"{name}.weight_quant", weights, scales, 0, held.width, True, narrow, "ROUND"
            )
        self._node("MatMul", name, x, quantised)

    def _quantiser(self, name: str, quantiser: IntegerQuantiser | BipolarQuantiser, x: str) -> None:
        scale = self._constant(f"{name}.scale", quantiser.scale)
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
            gain = self._constant(f"{name}.gain.factor", operation.gain)
            addend = self._constant(f"{name}.addend", operation.addend)
            self._node("Add", name, self._node("Mul", f"{name}.gain", x, gain), addend)
            return
        gain = self._constant(f"{name}.gain.factor", operation.gain.astype(np.float64))
        addend = self._constant(f"{name}.addend", operation.addend.astype(np.float64))
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
