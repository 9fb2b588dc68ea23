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
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ...source import IntegerInput, SourceBuilder, SourceGraph
from ...unsupported import Problem, UnsupportedError
from ..integer_input import integer_input
from .functions import function_handlers
from .layers import REMEDY, LayerReader

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
    shape = _shape(input_shape)
    integers = integer_input(input_type)
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            return _Reader(module, shape, name or type(module).__name__, integers).read()
    finally:
        for part, training in modes:
            part.training = training


def _shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    try:
        shape = tuple(operator.index(axis) for axis in input_shape)
    except TypeError:
        shape = ()
    if not shape or any(axis < 1 for axis in shape):
        rule = "must hold positive axes without the batch, such as (1, 28, 28)"
        raise ValueError(f"Input shape {rule}, not {input_shape!r}")
    return shape


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
        self.functions = function_handlers()

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
        except ValueError as error:
            reason = f"{_label(target)} must fit ({error})"
            value = next((value for value in args if value in self.builder), None)
            remedy = "give it an input and parameters that fit"
            return self.builder.refuse(node.name, value, reason, remedy)
        except (TypeError, IndexError, AttributeError) as error:
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
