"""Reads a live Brevitas module into a source network.

The module's forward pass is traced with torch.fx, layers of torch and Brevitas being leaves; each
leaf and each function between them has a handler. Integer weights are read from the layers
themselves (`quant_weight().int()`), so that every weight quantiser means what it does in training,
whichever way Brevitas would export it. torch is imported when a module is read, and untyped: a type
checker would otherwise read all of its source for nothing.

Not understood: control flow that depends on data, several inputs or outputs, quantisers whose scale
depends on the input. Such things are noted as problems with the name of their layer.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ..source import (
    Add,
    AddBranches,
    Clip,
    ConcatBranches,
    Divide,
    Elementwise,
    Function,
    IntegerInput,
    LeakyRelu,
    Multiply,
    PixelShuffle,
    Relu,
    Reshape,
    SourceBuilder,
    SourceGraph,
    Upsample,
)
from ..unsupported import Problem, UnsupportedError
from .brevitas_layers import REMEDY, LayerReader
from .enlarging import upsampling
from .integer_input import integer_input
from .shapes import BATCH, flattened, resolved

__all__ = ["read_brevitas"]


def read_brevitas(
    module: Any,
    input_shape: Sequence[int],
    name: str | None = None,
    input_type: str | None = None,
) -> SourceGraph:
    """The source network of a Brevitas module in evaluation mode.

    Parameters
    ----------
    module : :class:`torch.nn.Module`
        The network. It is read as in evaluation mode; its own mode is left as it was.
    input_shape : sequence of :class:`int`
        Shape of one sample, without the batch axis.
    name : :class:`str`, optional
        Name of the network; the module's class by default.
    input_type : :class:`str`, optional
        What the input holds, see `integer_input`; any real by default.

    Raises
    ------
    UnsupportedError
        If the forward pass cannot be traced at all. Layers that are not understood are noted in the
        result's ``problems``.
    TypeError
        If torch or Brevitas is not installed, or the module is not a torch module.
    """
    try:
        torch = import_module("torch")
        import_module("brevitas.nn")
    except ImportError as error:
        raise TypeError(f"Reading a module needs sterna[train]: {error}") from error
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"Module must be a torch module, not {type(module).__name__}")
    shape = tuple(int(axis) for axis in input_shape)
    if not shape or any(axis < 1 for axis in shape):
        raise ValueError(f"Input shape must hold positive axes without the batch, not {shape}")
    integers = integer_input(input_type)
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            return _Reader(module, shape, name or type(module).__name__, integers).read()
    finally:
        for part, training in modes:
            part.training = training


class _Reader:
    """One walk over a traced module."""

    def __init__(
        self, module: Any, shape: tuple[int, ...], name: str, integers: IntegerInput | None
    ) -> None:
        torch = import_module("torch")
        self.module = module
        self.shape = shape
        first = next((p for p in module.parameters() if p.is_floating_point()), None)
        number_type = "float64" if first is not None and first.dtype == torch.float64 else "float32"
        self.builder = SourceBuilder(name, number_type, integers)
        self.layers = LayerReader(self.builder)
        self.env: dict[Any, Any] = {}
        self.functions = _functions()

    def read(self) -> SourceGraph:
        output: str | None = None
        for node in self._trace():
            if node.op == "placeholder":
                self.env[node] = self._placeholder(node)
            elif node.op == "output":
                output = self._output(self._argument(node.args[0]))
            elif node.op == "call_module":
                leaf = self.module.get_submodule(node.target)
                value = self._argument(node.args[0]) if node.args else None
                if self.layers.joins(leaf):
                    self.env[node] = self._join(node, leaf)
                elif isinstance(value, str) and len(node.args) == 1 and not node.kwargs:
                    self.env[node] = self.layers.read(str(node.target), leaf, value)
                else:
                    self.env[node] = self._refuse(node, str(node.target), "one input tensor")
            elif node.op == "get_attr":
                self.env[node] = self._attribute(str(node.target))
            else:
                self.env[node] = self._call(node)
        assert output is not None
        return self.builder.finish(output)

    def _join(self, node: Any, leaf: Any) -> str:
        """A layer that adds several values."""
        name = str(node.target)
        values = [self._argument(item) for item in (*node.args, *node.kwargs.values())]
        if len(values) != 2 or not all(isinstance(value, str) for value in values):
            return self._refuse(node, name, "two input tensors")
        return self.layers.join(name, leaf, values)

    def _trace(self) -> Any:
        torch = import_module("torch")
        base: Any = import_module("torch.fx").Tracer

        class Tracer(base):
            def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
                if isinstance(m, torch.nn.Sequential):
                    return False
                return type(m).__module__.startswith(("torch.nn", "brevitas."))

        try:
            if next(self.module.children(), None) is None:
                return Tracer().trace(torch.nn.Sequential(self.module)).nodes
            return Tracer().trace(self.module).nodes
        except Exception as error:  # whatever a user's forward pass raises under tracing
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            problem = Problem(
                self.builder.name,
                f"forward pass must be traceable, not depend on data ({text})",
                "write it as a plain chain of layers",
            )
            raise UnsupportedError([problem]) from error

    def _placeholder(self, node: Any) -> Any:
        if any(isinstance(value, str) for value in self.env.values()):
            if node.args:  # a parameter with a default value
                return node.args[0]
            return self._refuse(node, str(node.target), "one network input")
        names = [type(layer).__name__ for layer in self.module.modules()]
        is_image, is_signal = (
            any(name.endswith(axes) and "Dropout" not in name for name in names)
            for axes in (("2d", "Upsample", "PixelShuffle"), "1d")
        )
        return self.builder.input(str(node.target), self.shape, is_image, is_signal)

    def _output(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        return self.builder.refuse("output", None, "must be one tensor", "return one tensor only")

    def _argument(self, argument: Any) -> Any:
        if isinstance(argument, (tuple, list)):
            return tuple(self._argument(item) for item in argument)
        try:
            return self.env.get(argument, argument)
        except TypeError:  # not hashable, hence not a node
            return argument

    def _attribute(self, target: str) -> np.ndarray:
        tensor = self.module
        for part in target.split("."):
            tensor = getattr(tensor, part)
        return tensor.detach().cpu().numpy()

    def _call(self, node: Any) -> Any:
        args = [self._argument(argument) for argument in node.args]
        kwargs = {key: self._argument(value) for key, value in node.kwargs.items()}
        target = node.target
        handler = self.functions.get(target)
        if handler is None:
            if not any(value in self.builder for value in [*args, *kwargs.values()]):
                return _constant_call(node, args, kwargs)
            return self._refuse(node, _label(target), "supported")
        try:
            return handler(self.builder, node.name, *args, **kwargs)
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            return self._refuse(node, f"{_label(target)} ({error})", "supported")

    def _refuse(self, node: Any, what: str, wanted: str) -> str:
        """An opaque value for a call that is not understood."""
        value = next((v for v in map(self._argument, node.args) if v in self.builder), None)
        name = what if node.op in ("placeholder", "call_module") else node.name
        reason = f"{what} must have {wanted}" if wanted != "supported" else f"{what} is unknown"
        remedy = REMEDY
        return self.builder.refuse(name, value, reason, remedy)


def _label(target: Any) -> str:
    return target if isinstance(target, str) else getattr(target, "__name__", str(target))


def _constant_call(node: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A call on plain values only, such as arithmetic on sizes: simply made."""
    if node.op == "call_method":
        return getattr(args[0], node.target)(*args[1:], **kwargs)
    return node.target(*args, **kwargs)


def _check_channels(builder: SourceBuilder, value: str, axis: int) -> None:
    """Whether an axis, the batch counted, is that of the channels."""
    axes = 1 + len(builder.shape(value) or (0,))
    if axis % axes != 1:
        raise ValueError(f"branches must be joined along axis 1, not {axis}")


def _scalar(value: Any, builder: SourceBuilder) -> np.ndarray:
    """A constant operand: a number, or a tensor with one value or one for each channel."""
    if isinstance(value, str):
        raise TypeError("two tensors")
    array = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
    array = array.astype(builder.number_type)
    array = array.reshape(array.shape[next((i for i, n in enumerate(array.shape) if n > 1), 0) :])
    return array.reshape(()) if array.size == 1 else array


def _functions() -> dict[Any, Callable[..., Any]]:
    """Handlers ``(builder, name, *arguments)`` of functions and methods."""
    torch = import_module("torch")
    functional = import_module("torch.nn.functional")

    def element(make: Callable[[SourceBuilder], Elementwise]) -> Callable[..., str]:
        def handler(builder: SourceBuilder, name: str, x: str, *_: Any, **__: Any) -> str:
            return builder.add(name, make(builder), x)

        return handler

    def arithmetic(kind: type[Multiply] | type[Add], sign: int = 1) -> Callable[..., str]:
        def handler(builder: SourceBuilder, name: str, a: Any, b: Any) -> str:
            if kind is Add and isinstance(a, str) and isinstance(b, str):
                return builder.join(name, AddBranches(subtracts=sign < 0), (a, b))
            x, constant = (a, b) if isinstance(a, str) else (b, a)
            if sign < 0 and not isinstance(a, str):  # constant - x
                x = builder.add(f"{name}.negative", Multiply(_scalar(-1.0, builder)), x)
                return builder.add(name, Add(_scalar(constant, builder)), x)
            value = _scalar(constant, builder)
            return builder.add(name, kind(-value if sign < 0 else value), x)

        return handler

    def concat(builder: SourceBuilder, name: str, tensors: Any, dim: int = 0, **more: Any) -> str:
        if not isinstance(tensors, tuple) or not all(isinstance(x, str) for x in tensors):
            raise TypeError("constants among the branches")
        axis = int(more.get("axis", dim))
        _check_channels(builder, tensors[0], axis)
        return tensors[0] if len(tensors) == 1 else builder.join(name, ConcatBranches(), tensors)

    def divide(builder: SourceBuilder, name: str, x: str, constant: Any) -> str:
        if not isinstance(x, str):
            raise TypeError("a tensor as divisor")
        return builder.add(name, Divide(_scalar(constant, builder)), x)

    def clip(builder: SourceBuilder, name: str, x: str, *bounds: Any, **named: Any) -> str:
        named.pop("inplace", None)
        low, high = [*bounds, *named.values()][:2] if bounds or named else (-1.0, 1.0)
        infinity = float("inf")
        operation = Clip(
            -infinity if low is None else float(low), infinity if high is None else float(high)
        )
        return builder.add(name, operation, x)

    def flatten(
        builder: SourceBuilder, name: str, x: str, start_dim: int = 0, end_dim: int = -1
    ) -> str:
        shape = builder.shape(x)
        return (
            x
            if shape is None
            else builder.add(name, Reshape(flattened(shape, start_dim, end_dim)), x)
        )

    def reshape(builder: SourceBuilder, name: str, x: str, *target: Any, **named: Any) -> str:
        axes = [*target, *named.values()]
        axes = list(axes[0]) if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        shape = builder.shape(x)
        return x if shape is None else builder.add(name, Reshape(resolved(shape, axes)), x)

    def attribute(builder: SourceBuilder, name: str, x: Any, what: str) -> Any:
        if what == "shape":
            return size(builder, name, x)
        if what in ("value", "tensor") or not isinstance(x, str):
            return x if isinstance(x, str) else getattr(x, what)
        if what in ("device", "dtype"):
            return None
        raise ValueError(f"attribute {what}")

    def size(builder: SourceBuilder, name: str, x: str, axis: int | None = None) -> Any:
        shape = (BATCH, *(builder.shape(x) or ()))
        return shape if axis is None else shape[axis]

    def item(builder: SourceBuilder, name: str, x: Any, index: Any) -> Any:
        if isinstance(x, str):
            raise ValueError("indexing of a tensor")
        return x[index]

    def same(builder: SourceBuilder, name: str, x: str, *_: Any, **__: Any) -> str:
        return x

    def function(kind: str) -> Callable[..., str]:
        def handler(builder: SourceBuilder, name: str, x: str, **named: Any) -> str:
            if named.get("approximate", "none") != "none":
                raise ValueError("approximate")
            return builder.add(name, Function(kind), x)

        return handler

    def interpolate(
        builder: SourceBuilder,
        name: str,
        x: str,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        **_: Any,
    ) -> str:
        if mode != "nearest":
            raise ValueError(f"mode {mode}")
        factors = upsampling(builder.shape(x), size, scale_factor)
        return builder.add(name, Upsample(*factors), x)

    def shuffle(builder: SourceBuilder, name: str, x: str, upscale_factor: int) -> str:
        return builder.add(name, PixelShuffle(upscale_factor, upscale_factor), x)

    def leaky(
        builder: SourceBuilder,
        name: str,
        x: str,
        negative_slope: float = 0.01,
        inplace: bool = False,
    ) -> str:
        return builder.add(name, LeakyRelu(_scalar(negative_slope, builder)), x)

    relu = element(lambda builder: Relu())
    negative = element(lambda builder: Multiply(_scalar(-1.0, builder)))
    handlers: dict[Any, Callable[..., Any]] = {getattr: attribute, operator.getitem: item}
    for names, handler in (
        ((torch.relu, functional.relu, "relu", functional.relu_, torch.relu_), relu),
        ((torch.sigmoid, functional.sigmoid, "sigmoid"), function("sigmoid")),
        ((torch.tanh, functional.tanh, "tanh"), function("tanh")),
        ((functional.softplus,), function("softplus")),
        ((functional.silu,), function("silu")),
        ((functional.gelu,), function("gelu")),
        ((functional.hardswish,), function("hardswish")),
        ((functional.leaky_relu,), leaky),
        ((functional.interpolate,), interpolate),
        ((functional.pixel_shuffle, torch.pixel_shuffle), shuffle),
        ((operator.neg, torch.neg, "neg"), negative),
        ((functional.hardtanh, torch.clamp, torch.clip, "clamp", "clip"), clip),
        ((operator.mul, torch.mul, "mul", operator.imul), arithmetic(Multiply)),
        ((operator.add, torch.add, "add", operator.iadd), arithmetic(Add)),
        ((operator.sub, torch.sub, "sub", operator.isub), arithmetic(Add, -1)),
        ((torch.cat, torch.concat, torch.concatenate), concat),
        ((operator.truediv, torch.div, "div", operator.itruediv), divide),
        ((torch.flatten, "flatten"), flatten),
        ((torch.reshape, "reshape", "view"), reshape),
        (("size",), size),
        (("contiguous", "detach", functional.dropout, torch.dropout), same),
    ):
        handlers.update(dict.fromkeys(names, handler))
    return handlers
