"""Reads QONNX files into a source network.
 Operations are read in file order. Those on constants only are folded away with numpy; quantisers
of constants give integer weights with their scales, which stay together through transposes until a
matrix product takes them; everything else becomes a node of the source network under the ONNX
node's name. `Quant` (also spelled `IntQuant`) and `BipolarQuant` mean what qonnx executes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx

from sterna_hw.base import WindowAxis

from ..source import (
    Add,
    AddBranches,
    Cast,
    Clip,
    ConcatBranches,
    Divide,
    Function,
    IntegerInput,
    LeakyRelu,
    Multiply,
    PixelShuffle,
    Pooling,
    Relu,
    Reshape,
    SourceBuilder,
    SourceGraph,
    Upsample,
    Windows,
)
from .convolution import as_matrix, global_pool, scales_as_matrix, window_axes
from .enlarging import nearest_repeats
from .integer_input import integer_input
from .onnx_constants import FOLDED, attributes
from .onnx_file import OnnxFile, open_onnx
from .onnx_weights import KNOWN, QuantisedConstant, UnfitError, quantise_constant
from .shapes import BATCH, flattened, resolved

__all__ = ["read_qonnx"]


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


FILE_FUNCTIONS = ("Gelu", "HardSwish", "Sigmoid", "Softplus", "Tanh")
"""Functions that files have by name."""

_WINDOWS = (
    "Conv",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Resize",
    "Upsample",
    "DepthToSpace",
)
"""Operations on images and signals."""

_Operand = str | np.ndarray | QuantisedConstant


class _Reader:
    def __init__(self, file: OnnxFile, integers: IntegerInput | None) -> None:
        self.file = file
        self.builder = SourceBuilder(file.name, file.number_type, integers)
        self.env: dict[str, _Operand] = dict(file.constants)
        self.handlers: dict[str, Callable[..., _Operand]] = {
            "Add": self.add,
            "AveragePool": self.average_pool,
            "BatchNormalization": self.batch_norm,
            "BipolarQuant": self.bipolar,
            "Cast": self.cast,
            "Clip": self.clip,
            "Concat": self.concat,
            "Conv": self.convolution,
            "Div": self.divide,
            "DepthToSpace": self.depth_to_space,
            "Dropout": self.same,
            "Flatten": self.flatten,
            "Gemm": self.gemm,
            "GlobalAveragePool": self.global_average_pool,
            "GlobalMaxPool": self.global_max_pool,
            **{kind: self.function(kind.lower()) for kind in FILE_FUNCTIONS},
            "Identity": self.same,
            "IntQuant": self.quant,
            "LeakyRelu": self.leaky_relu,
            "MatMul": self.matmul,
            "MaxPool": self.max_pool,
            "Mul": self.multiply,
            "Neg": self.negate,
            "PRelu": self.leaky_relu,
            "Quant": self.quant,
            "ReduceMean": self.reduce_mean,
            "Relu": self.relu,
            "Reshape": self.reshape,
            "Resize": self.resize,
            "Shape": self.shape,
            "Sub": self.subtract,
            "Transpose": self.transpose,
            "Upsample": self.upsample,
        }

    def read(self) -> SourceGraph:
        file = self.file
        windows = [node for node in file.nodes if node.op_type in _WINDOWS]
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
        result: _Operand
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
            handler = self.handlers.get(node.op_type)
            if handler is None:
                raise UnfitError(f"operation {node.op_type} is unknown")
            result = handler(name, attributes(node), *operands)
        except UnfitError as error:
            result = self.builder.refuse(name, value, str(error), error.remedy)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            result = self.builder.refuse(name, value, f"{node.op_type} must fit ({error})", KNOWN)
        self.env[node.output[0]] = result

    # Quantisers

    def quant(
        self, name: str, options: dict[str, Any], x: Any, scale: Any, zero: Any, bits: Any
    ) -> _Operand:
        scale, zero, bits = (self._constant(item) for item in (scale, zero, bits))
        signed, narrow = bool(options.get("signed", 1)), bool(options.get("narrow", 1))
        rounding = str(options.get("rounding_mode", "ROUND"))
        if bits.size != 1 or (zero != zero.flat[0]).any():
            raise UnfitError("bit width and zero point must be one for the tensor")
        if isinstance(x, str):
            return self.builder.quantise(
                name, x, scale, float(zero.flat[0]), float(bits.flat[0]), signed, narrow, rounding
            )
        return quantise_constant(
            self._constant(x).astype(self.file.number_type),
            scale.astype(self.file.number_type),
            float(zero.flat[0]),
            float(bits.flat[0]),
            signed,
            narrow,
            rounding,
        )

    def bipolar(self, name: str, options: dict[str, Any], x: Any, scale: Any) -> _Operand:
        scale = self._constant(scale)
        if isinstance(x, str):
            return self.builder.quantise(name, x, scale, 0.0, 1.0, True, False, "ROUND")
        number_type = self.file.number_type
        real = self._constant(x).astype(number_type)
        return quantise_constant(real, scale.astype(number_type), 0.0, 1.0, True, False, "ROUND")

    def _constant(self, x: Any) -> np.ndarray:
        if isinstance(x, QuantisedConstant):
            return x.real()
        if isinstance(x, np.ndarray):
            return x
        raise UnfitError("parameters must be constants, not computed", "export again")

    # Linear layers

    def matmul(self, name: str, options: dict[str, Any], x: Any, weights: Any) -> _Operand:
        if not isinstance(x, str):
            raise UnfitError("the activation must come first", "multiply activations by weights")
        return self._linear(name, x, weights, transpose=True, bias=None)

    def gemm(
        self, name: str, options: dict[str, Any], x: Any, weights: Any, bias: Any = None
    ) -> _Operand:
        if options.get("alpha", 1.0) != 1.0 or options.get("beta", 1.0) != 1.0:
            raise UnfitError("alpha and beta must be 1", "scale the weights")
        if not isinstance(x, str) or options.get("transA", 0):
            raise UnfitError("the activation must come first, not transposed")
        addend = None if bias is None else self._constant(bias).reshape(-1)
        return self._linear(name, x, weights, not options.get("transB", 0), addend)

    # Convolutions

    def convolution(
        self, name: str, options: dict[str, Any], x: Any, weights: Any, bias: Any = None
    ) -> _Operand:
        if not isinstance(x, str):
            raise UnfitError("the activation must come first", "multiply activations by weights")
        weights = self._weights(weights)
        if weights.integers.ndim not in (3, 4):
            raise UnfitError(f"weights must have three or four axes, not {weights.integers.ndim}")
        windows = Windows(*self._axes(x, options, weights.integers.shape[2:]))
        weights = weights.of_images()
        groups = int(options.get("group", 1))
        scale = scales_as_matrix(weights.scale, groups)
        x = self.builder.add(f"{name}.window", windows, x)
        addend = None if bias is None else self._constant(bias).reshape(-1)
        matrix = as_matrix(weights.integers, groups)
        return self.builder.linear(name, x, matrix, scale, addend, weights.binary, groups)

    def max_pool(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        return self._pool(name, options, x, mean=False)

    def average_pool(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        pooling = Pooling(*self._axes(x, options, options["kernel_shape"]), mean=True)
        if pooling.pads and not options.get("count_include_pad", 0):
            raise UnfitError("padding must be counted", "set count_include_pad")
        return self._pool(name, options, x, mean=True)

    def global_average_pool(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        return global_pool(self.builder, name, x, mean=True)

    def global_max_pool(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        return global_pool(self.builder, name, x, mean=False)

    def reduce_mean(self, name: str, options: dict[str, Any], x: Any, axes: Any = None) -> _Operand:
        found = options.get("axes") if axes is None else self._constant(axes).tolist()
        shape = self._known_shape(x)
        places = sorted(axis % (len(shape) + 1) for axis in found or ())
        if len(shape) < 2 or places != list(range(2, len(shape) + 1)):
            raise UnfitError("mean must be over all pixels", "use GlobalAveragePool")
        pooled = self.global_average_pool(name, options, x)
        if options.get("keepdims", 1):
            return pooled
        return self.builder.add(f"{name}.flat", Reshape(shape[:1]), str(pooled))

    def upsample(self, name: str, options: dict[str, Any], x: Any, scales: Any = None) -> _Operand:
        factors = options["scales"] if scales is None else self._constant(scales).tolist()
        return self._larger(name, x, factors, str(options.get("mode", "nearest")))

    def resize(
        self,
        name: str,
        options: dict[str, Any],
        x: Any,
        roi: Any = None,
        scales: Any = None,
        sizes: Any = None,
    ) -> _Operand:
        shape = self._known_shape(x)
        if scales is not None and self._constant(scales).size:
            factors = self._constant(scales).tolist()
        else:
            wanted = self._constant(sizes).tolist()[1:]
            factors = [1.0, *(new / old for new, old in zip(wanted, shape, strict=True))]
        for size, factor in zip(shape[1:], factors[2:]):
            if float(factor).is_integer() and not nearest_repeats(size, int(factor), options):
                raise UnfitError(
                    "nearest must repeat each pixel equally often",
                    "use asymmetric coordinates and floor",
                )
        return self._larger(name, x, factors, str(options.get("mode", "nearest")))

    def _larger(self, name: str, x: Any, factors: Sequence[float], mode: str) -> _Operand:
        if mode != "nearest":
            raise UnfitError(f"mode must be nearest, not {mode}", "use nearest")
        whole = [int(factor) for factor in factors]
        if whole != list(factors) or whole[:2] != [1, 1] or not 3 <= len(whole) <= 4:
            raise UnfitError(f"scales must be whole, along pixels only, not {list(factors)}")
        return self.builder.add(name, Upsample(whole[2], [*whole, 1][3]), x)

    def depth_to_space(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        size, mode = int(options["blocksize"]), options.get("mode", "DCR")
        return self.builder.add(name, PixelShuffle(size, size, mode == "DCR"), x)

    def _pool(self, name: str, options: dict[str, Any], x: Any, mean: bool) -> _Operand:
        if options.get("ceil_mode", 0):
            raise UnfitError("ceil_mode must be 0", "pad the image instead")
        axes = self._axes(x, options, options["kernel_shape"])
        return self.builder.add(name, Pooling(*axes, mean=mean), x)

    def _axes(
        self, x: str, options: dict[str, Any], kernel: Sequence[int]
    ) -> tuple[WindowAxis, WindowAxis]:
        if options.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            raise UnfitError("padding must be given as numbers, not auto_pad", "export again")
        if len(kernel) not in (1, 2):
            raise UnfitError(f"kernel must have one or two axes, not {len(kernel)}")
        ones = (1,) * len(kernel)
        return window_axes(
            self._known_shape(x),
            kernel,
            options.get("strides", ones),
            options.get("pads", (0, 0) * len(kernel)),
            options.get("dilations", ones),
        )

    def _weights(self, weights: Any) -> QuantisedConstant:
        if isinstance(weights, str):
            raise UnfitError("weights must be constants, not computed")
        if not isinstance(weights, QuantisedConstant):
            remedy = "quantise them, for example with brevitas.nn.QuantLinear, or by a Quant node"
            raise UnfitError("weights must be quantised, not float", remedy)
        return weights

    def _linear(
        self, name: str, x: str, weights: Any, transpose: bool, bias: np.ndarray | None
    ) -> _Operand:
        weights = self._weights(weights)
        if weights.integers.ndim != 2:
            raise UnfitError(f"weights must have two axes, not {weights.integers.ndim}")
        if transpose:
            weights = weights.transposed(None)
        if bias is not None and bias.size == 1:
            bias = bias.reshape(())
        return self.builder.linear(name, x, weights.integers, weights.scale, bias, weights.binary)

    # Element-wise operations

    def _elements(self, constant: Any) -> np.ndarray:
        """A constant as a scalar or one value for each element of the last axis."""
        array = self._constant(constant)
        if array.size == 1:
            return array.reshape(())
        # A channel of an image or a signal each: every axis behind it has one element.
        behind = array.shape[int(np.argmax(np.array(array.shape) > 1)) + 1 :]
        if behind and set(behind) == {1}:
            return array.reshape(-1)
        if array.shape[-1] != array.size:
            raise UnfitError(f"constants must vary along the last axis only, not {array.shape}")
        return array.reshape(-1)

    def _pair(self, a: Any, b: Any) -> tuple[str, np.ndarray]:
        if isinstance(a, str) and isinstance(b, str):
            raise UnfitError("one operand must be a constant", "add branches or join them")
        return (a, self._elements(b)) if isinstance(a, str) else (b, self._elements(a))

    def add(self, name: str, options: dict[str, Any], a: Any, b: Any) -> _Operand:
        if isinstance(a, str) and isinstance(b, str):
            return self.builder.join(name, AddBranches(), (a, b))
        x, constant = self._pair(a, b)
        return self.builder.add(name, Add(constant), x)

    def concat(self, name: str, options: dict[str, Any], *values: Any) -> _Operand:
        if not all(isinstance(value, str) for value in values):
            raise UnfitError("branches must be computed, not constants")
        if len(values) == 1:
            return values[0]
        axes = 1 + len(self._known_shape(values[0]))
        axis = int(options.get("axis", 1))
        if axis % axes != 1:
            raise UnfitError(f"branches must be joined along axis 1, not {axis}")
        return self.builder.join(name, ConcatBranches(), values)

    def subtract(self, name: str, options: dict[str, Any], a: Any, b: Any) -> _Operand:
        if isinstance(a, str) and isinstance(b, str):
            return self.builder.join(name, AddBranches(subtracts=True), (a, b))
        x, constant = self._pair(a, b)
        if isinstance(a, str):
            return self.builder.add(name, Add(-constant), x)
        return self.builder.add(name, Add(constant), self.negate(f"{name}.negative", {}, x))

    def multiply(self, name: str, options: dict[str, Any], a: Any, b: Any) -> _Operand:
        x, constant = self._pair(a, b)
        return self.builder.add(name, Multiply(constant), x)

    def divide(self, name: str, options: dict[str, Any], a: Any, b: Any) -> _Operand:
        if not isinstance(a, str):
            raise UnfitError("divisor must be a constant")
        x, constant = self._pair(a, b)
        return self.builder.add(name, Divide(constant), x)

    def negate(self, name: str, options: dict[str, Any], x: Any) -> str:
        minus = np.asarray(-1, dtype=self.file.number_type)
        return self.builder.add(name, Multiply(minus), x)

    def relu(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        return self.builder.add(name, Relu(), x)

    def function(self, kind: str) -> Callable[..., _Operand]:
        def handler(name: str, options: dict[str, Any], x: Any) -> _Operand:
            if options.get("approximate", "none") != "none":
                raise UnfitError("GELU must not be approximate", "export it exactly")
            return self.builder.add(name, Function(kind), x)

        return handler

    def leaky_relu(self, name: str, options: dict[str, Any], x: Any, slope: Any = None) -> _Operand:
        given = options.get("alpha", 0.01) if slope is None else self._elements(slope)
        return self.builder.add(name, LeakyRelu(np.asarray(given, self.file.number_type)), x)

    def clip(
        self, name: str, options: dict[str, Any], x: Any, low: Any = None, high: Any = None
    ) -> _Operand:
        ends = [
            options.get(key, default) if bound is None else float(self._constant(bound).flat[0])
            for bound, key, default in ((low, "min", -np.inf), (high, "max", np.inf))
        ]
        return self.builder.add(name, Clip(float(ends[0]), float(ends[1])), x)

    def cast(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        kinds = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.DOUBLE: "float64"}
        if options["to"] not in kinds:
            raise UnfitError("cast must be to float or double")
        return self.builder.add(name, Cast(kinds[options["to"]]), x)

    def batch_norm(self, name: str, options: dict[str, Any], x: Any, *parameters: Any) -> _Operand:
        weight, bias, mean, variance = (self._elements(item) for item in parameters)
        number = np.dtype(self.file.number_type).type
        gain = weight * (number(1) / np.sqrt(variance + number(options.get("epsilon", 1e-5))))
        # onnxruntime, which qonnx executes with, multiplies and adds with a rounding each.
        scaled = self.builder.add(f"{name}.gain", Multiply(gain), x)
        return self.builder.add(name, Add(bias - mean * gain), scaled)

    # Shapes

    def shape(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        return np.array([BATCH, *self._known_shape(x)], dtype=np.int64)

    def _known_shape(self, x: Any) -> tuple[int, ...]:
        shape = self.builder.shape(x)
        if shape is None:
            raise UnfitError("shape must be known, but an earlier layer was refused")
        return shape

    def reshape(self, name: str, options: dict[str, Any], x: Any, target: Any = None) -> _Operand:
        axes = options["shape"] if target is None else self._constant(target).tolist()
        if self.builder.shape(x) is None:
            return x
        shape = resolved(self._known_shape(x), [int(axis) for axis in axes], self.file.batch)
        return self.builder.add(name, Reshape(shape), x)

    def flatten(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        if self.builder.shape(x) is None:
            return x
        shape = self._known_shape(x)
        axis = int(options.get("axis", 1))
        if axis % (len(shape) + 1) != 1:
            raise UnfitError(f"flatten must start at axis 1, not {axis}")
        return self.builder.add(name, Reshape(flattened(shape, 1)), x)

    def transpose(self, name: str, options: dict[str, Any], x: Any) -> _Operand:
        axes = options.get("perm")
        if isinstance(x, QuantisedConstant):
            return x.transposed(axes)
        if axes == sorted(axes or [1]):
            return x
        raise UnfitError("activations must not be transposed")

    def same(self, name: str, options: dict[str, Any], x: Any, *_: Any) -> _Operand:
        return x
