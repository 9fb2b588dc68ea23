"""Handlers of the functions and methods between the layers of a traced module.

Each adds to the source network what the call does; a call that has no source operation is refused
by raising. Shapes are those of one sample behind a batch axis whose size is open, so that
arithmetic on sizes comes out as in torch. torch is imported when the handlers are looked up.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from ...source import (
    Add,
    AddBranches,
    Clip,
    ConcatBranches,
    Divide,
    Elementwise,
    Function,
    LeakyRelu,
    Multiply,
    PixelShuffle,
    Relu,
    Reshape,
    SourceBuilder,
    Upsample,
)
from ..enlarging import upsampling
from ..shapes import BATCH, flattened, resolved

__all__ = ["function_handlers"]


def function_handlers() -> dict[Any, Callable[..., Any]]:
    """Handlers ``(builder, name, *arguments)`` of functions, and of methods by their names.

    Raises
    ------
    ImportError
        If torch is not installed.
    """
    torch = import_module("torch")
    functional = import_module("torch.nn.functional")
    relu = _element(lambda builder: Relu())
    negative = _element(lambda builder: Multiply(_scalar(-1.0, builder)))
    handlers: dict[Any, Callable[..., Any]] = {getattr: _attribute, operator.getitem: _item}
    for names, handler in (
        ((torch.relu, functional.relu, "relu", functional.relu_, torch.relu_), relu),
        ((torch.sigmoid, functional.sigmoid, "sigmoid"), _function("sigmoid")),
        ((torch.tanh, functional.tanh, "tanh"), _function("tanh")),
        ((functional.softplus,), _function("softplus")),
        ((functional.silu,), _function("silu")),
        ((functional.gelu,), _function("gelu")),
        ((functional.hardswish,), _function("hardswish")),
        ((functional.leaky_relu,), _leaky),
        ((functional.interpolate,), _interpolate),
        ((functional.pixel_shuffle, torch.pixel_shuffle), _shuffle),
        ((operator.neg, torch.neg, "neg"), negative),
        ((functional.hardtanh, torch.clamp, torch.clip, "clamp", "clip"), _clip),
        ((operator.mul, torch.mul, "mul", operator.imul), _arithmetic(Multiply)),
        ((operator.add, torch.add, "add", operator.iadd), _arithmetic(Add)),
        ((operator.sub, torch.sub, "sub", operator.isub), _arithmetic(Add, -1)),
        ((torch.cat, torch.concat, torch.concatenate), _concat),
        ((operator.truediv, torch.div, "div", operator.itruediv), _divide),
        ((torch.flatten, "flatten"), _flatten),
        ((torch.reshape, "reshape", "view"), _reshape),
        (("size",), _size),
        (("contiguous", "detach", functional.dropout, torch.dropout), _same),
    ):
        handlers.update(dict.fromkeys(names, handler))
    return handlers


def _scalar(value: Any, builder: SourceBuilder) -> np.ndarray:
    """A constant operand: a number, or a tensor with one value or one for each channel."""
    if isinstance(value, str):
        raise TypeError("two tensors")
    array = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
    array = array.astype(builder.number_type)
    array = array.reshape(array.shape[next((i for i, n in enumerate(array.shape) if n > 1), 0) :])
    return array.reshape(()) if array.size == 1 else array


def _element(make: Callable[[SourceBuilder], Elementwise]) -> Callable[..., str]:
    def handler(builder: SourceBuilder, name: str, x: str, *_: Any, **__: Any) -> str:
        return builder.add(name, make(builder), x)

    return handler


def _arithmetic(kind: type[Multiply] | type[Add], sign: int = 1) -> Callable[..., str]:
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


def _concat(builder: SourceBuilder, name: str, tensors: Any, dim: int = 0, **more: Any) -> str:
    if not isinstance(tensors, tuple) or not all(isinstance(x, str) for x in tensors):
        raise TypeError("constants among the branches")
    axis = int(more.get("axis", dim))
    _check_channels(builder, tensors[0], axis)
    return tensors[0] if len(tensors) == 1 else builder.join(name, ConcatBranches(), tensors)


def _divide(builder: SourceBuilder, name: str, x: str, constant: Any) -> str:
    if not isinstance(x, str):
        raise TypeError("a tensor as divisor")
    return builder.add(name, Divide(_scalar(constant, builder)), x)


def _clip(builder: SourceBuilder, name: str, x: str, *bounds: Any, **named: Any) -> str:
    named.pop("inplace", None)
    low, high = [*bounds, *named.values()][:2] if bounds or named else (-1.0, 1.0)
    infinity = float("inf")
    operation = Clip(
        -infinity if low is None else float(low), infinity if high is None else float(high)
    )
    return builder.add(name, operation, x)


def _flatten(
    builder: SourceBuilder, name: str, x: str, start_dim: int = 0, end_dim: int = -1
) -> str:
    shape = builder.shape(x)
    return (
        x if shape is None else builder.add(name, Reshape(flattened(shape, start_dim, end_dim)), x)
    )


def _reshape(builder: SourceBuilder, name: str, x: str, *target: Any, **named: Any) -> str:
    axes = [*target, *named.values()]
    axes = list(axes[0]) if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
    shape = builder.shape(x)
    return x if shape is None else builder.add(name, Reshape(resolved(shape, axes)), x)


def _attribute(builder: SourceBuilder, name: str, x: Any, what: str) -> Any:
    if what == "shape":
        return _size(builder, name, x)
    if what in ("value", "tensor") or not isinstance(x, str):
        return x if isinstance(x, str) else getattr(x, what)
    if what in ("device", "dtype"):
        return None
    raise TypeError(f"attribute {what}")


def _size(builder: SourceBuilder, name: str, x: str, axis: int | None = None) -> Any:
    shape = (BATCH, *(builder.shape(x) or ()))
    return shape if axis is None else shape[axis]


def _item(builder: SourceBuilder, name: str, x: Any, index: Any) -> Any:
    if isinstance(x, str):
        raise TypeError("indexing of a tensor")
    return x[index]


def _same(builder: SourceBuilder, name: str, x: str, *_: Any, **__: Any) -> str:
    return x


def _function(kind: str) -> Callable[..., str]:
    def handler(builder: SourceBuilder, name: str, x: str, **named: Any) -> str:
        if named.get("approximate", "none") != "none":
            raise TypeError("approximate")
        return builder.add(name, Function(kind), x)

    return handler


def _interpolate(
    builder: SourceBuilder,
    name: str,
    x: str,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    **_: Any,
) -> str:
    if mode != "nearest":
        raise ValueError(f"mode must be nearest, not {mode}")
    factors = upsampling(builder.shape(x), size, scale_factor)
    return builder.add(name, Upsample(*factors), x)


def _shuffle(builder: SourceBuilder, name: str, x: str, upscale_factor: int) -> str:
    return builder.add(name, PixelShuffle(upscale_factor, upscale_factor), x)


def _leaky(
    builder: SourceBuilder,
    name: str,
    x: str,
    negative_slope: float = 0.01,
    inplace: bool = False,
) -> str:
    return builder.add(name, LeakyRelu(_scalar(negative_slope, builder)), x)


def _check_channels(builder: SourceBuilder, value: str, axis: int) -> None:
    """Whether an axis, the batch counted, is that of the channels."""
    axes = 1 + len(builder.shape(value) or (0,))
    if axis % axes != 1:
        raise ValueError(f"branches must be joined along axis 1, not {axis}")
