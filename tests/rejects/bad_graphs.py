"""Networks whose layers do not fit each other, each a QONNX file of a few nodes.

`WRONG` has one row for each: how the network is made, and what the line that refuses it must say.
`residual` and `depthwise` are right; tests give them foldings and queues that are not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..sw.importers.onnx_files import Sketch

__all__ = ["WRONG", "depthwise", "residual", "write_graph"]

Make = Callable[[], tuple[Sketch, str]]
FEATURES = ("batch", 4)
IMAGE = ("batch", 2, 6, 6)


def write_graph(make: Make, folder: Path) -> Path:
    """Writes a network; gives its path."""
    sketch, output = make()
    return sketch.write(folder, output)


def _entry(shape: tuple[int | str | None, ...] = IMAGE) -> tuple[Sketch, str]:
    sketch = Sketch(shape)
    return sketch, sketch.quant("x", name="input_quant")


def _weights(sketch: Sketch, *shape: int) -> str:
    values = np.random.default_rng(sum(shape)).integers(-1, 2, shape)
    return sketch.quant(sketch.constant(values), bits=2)


def _conv(
    sketch: Sketch, x: str, name: str, outputs: int = 3, inputs: int = 2, k: int = 3, **more: Any
) -> str:
    return sketch.node("Conv", x, _weights(sketch, outputs, inputs, k, k), name=name, **more)


def _one_conv(**options: Any) -> Make:
    def make() -> tuple[Sketch, str]:
        sketch, x = _entry()
        return sketch, _conv(sketch, x, "conv", **options)

    return make


def _matmul(inputs: int, flat: str | None = None, shape: Any = FEATURES) -> Make:
    """A matrix product with so many inputs, behind a flatten or nothing."""

    def make() -> tuple[Sketch, str]:
        sketch, x = _entry(shape)
        x = x if flat is None else sketch.node(flat, x, name="flat")
        return sketch, sketch.node("MatMul", x, _weights(sketch, inputs, 3), name="fc")

    return make


def _branches(kind: str, one: dict[str, Any], other: dict[str, Any], **options: Any) -> Make:
    """Two convolutions side by side, quantised, and what brings them together."""

    def make() -> tuple[Sketch, str]:
        sketch, x = _entry()
        a = sketch.quant(_conv(sketch, x, "a", **one), one.get("scale", 1.0), name="a_quant")
        b = sketch.quant(_conv(sketch, x, "b", **other), name="b_quant")
        return sketch, sketch.node(kind, a, b, name="both", **options)

    return make


def _behind_conv(*nodes: tuple[str, list[Any]], **options: Any) -> Make:
    """A convolution, operations with constants of some shapes, and a quantiser."""

    def make() -> tuple[Sketch, str]:
        sketch, x = _entry()
        x = _conv(sketch, x, "conv")
        for kind, shapes in nodes:
            constants = [sketch.constant(np.ones(shape)) for shape in shapes]
            x = sketch.node(kind, x, *constants, name=kind.lower(), **options)
        return sketch, sketch.quant(x, name="out")

    return make


def _one(kind: str, **options: Any) -> Make:
    def make() -> tuple[Sketch, str]:
        sketch, x = _entry()
        return sketch, sketch.node(kind, x, name="pool", **options)

    return make


def _gemm_bias() -> tuple[Sketch, str]:
    sketch, x = _entry(FEATURES)
    bias = sketch.constant(np.ones(5))
    return sketch, sketch.node("Gemm", x, _weights(sketch, 4, 3), bias, name="fc")


def _reshape(*target: int) -> Make:
    def make() -> tuple[Sketch, str]:
        sketch, x = _entry()
        shape = sketch.constant(target, np.int64)
        return sketch, sketch.node("Reshape", x, shape, name="reshape")

    return make


def _scales_of_other_channels() -> tuple[Sketch, str]:
    sketch, x = _entry()
    return sketch, sketch.quant(_conv(sketch, x, "conv"), np.ones((1, 5, 1, 1)), name="out")


def _conv_of_features() -> tuple[Sketch, str]:
    sketch, x = _entry(FEATURES)
    return sketch, _conv(sketch, x, "conv")


WRONG: dict[str, tuple[Make, tuple[str, ...]]] = {
    # Shapes
    "inputs_of_a_matrix": (_matmul(5), ("fc", "must be 5", "(4,)")),
    "matrix_on_an_image": (_matmul(72, shape=IMAGE), ("fc", "must be 72", "(2, 6, 6)")),
    "flattened_otherwise": (_matmul(70, "Flatten", IMAGE), ("fc", "must be 70", "(72,)")),
    "bias": (_gemm_bias, ("fc.bias", "(3,)", "(5,)")),
    "channels": (_one_conv(inputs=3), ("conv", "3 channels, not 2")),
    "channels_of_groups": (_one_conv(inputs=2, outputs=4, group=2), ("conv", "4 channels, not 2")),
    "outputs_of_groups": (_one_conv(inputs=1, group=2), ("conv", "2 groups, not 3")),
    "image_that_is_none": (_conv_of_features, ("conv", "must be an image", "(4,)")),
    "no_outputs": (_one_conv(outputs=0), ("conv", "weights must hold values", "(0, 2, 3, 3)")),
    "pixels_of_a_sum": (
        _branches("Add", {}, {"pads": [1] * 4}),
        ("both", "one shape", "(4, 4, 3) and (6, 6, 3)"),
    ),
    "channels_of_a_sum": (
        _branches("Add", {}, {"outputs": 4}),
        ("both", "one shape", "(4, 4, 3) and (4, 4, 4)"),
    ),
    "pixels_side_by_side": (
        _branches("Concat", {}, {"pads": [1] * 4}, axis=1),
        ("both", "agree in all axes but the channels"),
    ),
    "joined_along_an_image": (
        _branches("Concat", {}, {}, axis=2),
        ("both", "along axis 1, not 2", "join channels"),
    ),
    "batch_norm": (
        _behind_conv(("BatchNormalization", [4, 4, 4, 4])),
        ("batchnormalization", "(4, 4, 3)", "(4,)"),
    ),
    "gain": (_behind_conv(("Mul", [(1, 4, 1, 1)])), ("mul", "(4, 4, 3)", "(4,)")),
    "scale": (_scales_of_other_channels, ("out", "scale", "(1, 5, 1, 1)")),
    "reshape": (_reshape(-1, 50), ("reshape", "72 elements a sample")),
    "reshape_of_the_batch": (_reshape(1, 72), ("reshape", "batch axis, not make it 1")),
    # Windows
    "padding_of_a_kernel": (
        _one_conv(pads=[3] * 4),
        ("conv", "Padding before a window's inputs must be 0 to 2, not 3"),
    ),
    "padding_below_zero": (
        _one_conv(pads=[0, 0, -1, 0]),
        ("conv", "Padding after a window's inputs must be 0 to 2, not -1"),
    ),
    "padding_of_three_sides": (
        _one_conv(pads=[1, 1, 1]),
        ("conv", "padding must be 4 whole numbers, not [1, 1, 1]"),
    ),
    "padding_of_halves": (
        _one_conv(pads=[0.5, 0.0, 0.0, 0.0]),
        ("conv", "padding must be 4 whole numbers, not [0.5"),
    ),
    "padding_by_name": (_one_conv(auto_pad="SAME_UPPER"), ("conv", "numbers, not auto_pad")),
    "padding_of_a_pooling": (
        _one("MaxPool", kernel_shape=[2, 2], pads=[2] * 4),
        ("pool", "must be 0 to 1, not 2"),
    ),
    "padding_not_counted": (
        _one("AveragePool", kernel_shape=[2, 2], pads=[1] * 4),
        ("pool", "padding must be counted"),
    ),
    "half_a_window": (
        _one("MaxPool", kernel_shape=[4, 4], strides=[4, 4], ceil_mode=1),
        ("pool", "ceil_mode must be 0"),
    ),
    "kernel_beyond_the_image": (_one_conv(k=7), ("conv", "Extent", "at most 6, not 7")),
    "dilation_beyond_the_image": (_one_conv(dilations=[3, 3]), ("conv", "at most 6, not 7")),
    "no_stride": (_one_conv(strides=[0, 1]), ("conv", "Stride", "1 or more, not 0")),
    "one_stride": (_one_conv(strides=[1]), ("conv", "stride must be 2 whole numbers, not [1]")),
    "no_dilation": (_one_conv(dilations=[1, 0]), ("conv", "Dilation", "1 or more, not 0")),
    "parts_of_a_shuffle": (
        _one("DepthToSpace", blocksize=2),
        ("pool", "channels must be a multiple of 4, not 2"),
    ),
}


def residual() -> tuple[Sketch, str]:
    """Two convolutions beside nothing at all, a sum, and a convolution that reads it."""
    sketch, x = _entry(("batch", 2, 8, 8))
    a = sketch.quant(_conv(sketch, x, "a", 2, pads=[1] * 4), name="a_quant")
    b = sketch.quant(_conv(sketch, a, "b", 2, pads=[1] * 4), name="b_quant")
    both = sketch.quant(sketch.node("Add", x, b, name="sum"), name="sum_quant")
    return sketch, _conv(sketch, both, "c")


def depthwise() -> tuple[Sketch, str]:
    """A depthwise convolution and one over all of its channels."""
    sketch, x = _entry(("batch", 4, 6, 6))
    each = sketch.quant(_conv(sketch, x, "each", 4, 1, group=4, pads=[1] * 4), name="each_quant")
    return sketch, _conv(sketch, each, "all", 3, 4)
