"""Each type of layer alone, as a QONNX file of a few nodes: `LAYERS`, by name.

A layer stands between the quantiser of its input and that of its output, as it would in a network;
what is drawn (weights, gains, offsets) comes from a seed of its own. The figures are small, so that
a simulation takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...sw.importers.onnx_files import Sketch

__all__ = ["LAYERS", "write_layer"]

Make = Callable[[], tuple[Sketch, str]]
VECTOR = ("batch", 6)
SIGNAL = ("batch", 2, 7)
IMAGE = ("batch", 2, 5, 4)


def write_layer(name: str, folder: Path) -> Path:
    """Writes a layer of `LAYERS`; gives its path."""
    sketch, output = LAYERS[name]()
    return sketch.write(folder, output)


class Layer:
    """A sketch behind its input quantiser; constants are drawn one after the other."""

    def __init__(
        self, shape: tuple[int | str, ...] = VECTOR, bits: float = 4, kind: str = "Quant"
    ) -> None:
        self.sketch = Sketch(shape)
        self.draw = np.random.default_rng(len(shape))
        self.x = self.quant("x", "entry", 0.5, bits, kind)

    def quant(
        self, x: str, name: str, scale: Any = 1.0, bits: float = 4, kind: str = "Quant", **more: Any
    ) -> str:
        if kind == "BipolarQuant":
            return self.sketch.node(kind, x, self.sketch.constant(scale), name=name)
        return self.sketch.quant(x, scale, bits, name=name, **more)

    def weights(
        self,
        *shape: int,
        bits: float = 2,
        scale: Any = 0.25,
        kind: str = "Quant",
        powers: bool = False,
    ) -> str:
        if kind == "BipolarQuant":
            values = self.draw.choice([-1, 1], shape)
        elif powers:
            values = self.draw.choice([-4, -2, -1, 0, 1, 2, 4], shape)
        else:
            limit = 1 << int(bits) - 1
            values = self.draw.integers(-limit, limit, shape)
        real = self.sketch.constant(values * np.asarray(scale))
        if kind == "BipolarQuant":
            return self.sketch.node(kind, real, self.sketch.constant(scale))
        return self.sketch.quant(real, scale, bits)

    def node(self, kind: str, *others: str, **options: Any) -> str:
        return self.sketch.node(kind, self.x, *others, name="layer", **options)

    def ends(self, value: str, **quantiser: Any) -> tuple[Sketch, str]:
        return self.sketch, self.quant(value, "out", **quantiser)


def linear(
    quantiser: dict[str, Any] | None = None, entry: dict[str, Any] | None = None, **weights: Any
) -> Make:
    def make() -> tuple[Sketch, str]:
        layer = Layer(VECTOR, **(entry or {}))
        value = layer.node("MatMul", layer.weights(6, 3, **weights))
        return layer.ends(value, **(quantiser or {}))

    return make


def conv(
    shape: tuple[int | str, ...] = IMAGE, kernel: tuple[int, ...] = (3, 3), **options: Any
) -> Make:
    def make() -> tuple[Sketch, str]:
        layer = Layer(shape)
        inside = int(shape[1]) // options.get("group", 1)
        return layer.ends(layer.node("Conv", layer.weights(4, inside, *kernel), **options))

    return make


def plain(kind: str, *, floats: bool = False, **options: Any) -> Make:
    """An operation on an image that needs no constant."""

    def make() -> tuple[Sketch, str]:
        layer = Layer(("batch", 4, 4, 4))
        value = layer.node(kind, **options)
        return layer.ends(value, scale=0.37) if floats else (layer.sketch, value)

    return make


def function(kind: str, *constants: float, scale: float = 0.2, **options: Any) -> Make:
    """An activation behind a layer."""

    def make() -> tuple[Sketch, str]:
        layer = Layer()
        layer.x = layer.sketch.node("MatMul", layer.x, layer.weights(6, 3), name="fc")
        value = layer.node(kind, *map(layer.sketch.constant, constants), **options)
        return layer.ends(value, scale=scale)

    return make


def batch_norm() -> tuple[Sketch, str]:
    layer = Layer(IMAGE)
    layer.x = layer.sketch.node("Conv", layer.x, layer.weights(4, 2, 2, 2), name="conv")
    gains, spreads = layer.draw.normal(0, 1, 4), layer.draw.uniform(0.5, 2, 4)
    shifts, means = layer.draw.normal(0, 1, (2, 4))
    parameters = [layer.sketch.constant(item) for item in (gains, shifts, means, spreads)]
    return layer.ends(layer.node("BatchNormalization", *parameters))


def branches(kind: str, **options: Any) -> Make:
    """The input beside a layer on it, each with a scale of its own."""

    def make() -> tuple[Sketch, str]:
        layer = Layer(IMAGE)
        other = layer.sketch.node(
            "Conv", layer.x, layer.weights(2, 2, 3, 3), name="conv", pads=[1] * 4
        )
        return layer.ends(layer.node(kind, layer.quant(other, "quant", 0.75), **options))

    return make


def upsample() -> tuple[Sketch, str]:
    layer = Layer(IMAGE)
    empty = layer.sketch.constant([])
    scales = layer.sketch.constant([1, 1, 2, 3])
    options = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return layer.sketch, layer.node("Resize", empty, scales, mode="nearest", **options)


BYTES = np.array([[0.3], [0.11], [0.07], [0.29], [0.5], [0.2]]).T[:, :3]

LAYERS: dict[str, Make] = {
    "linear": linear(),
    "conv1d": conv(SIGNAL, (3,), pads=[1, 1]),
    "conv1d_strided": conv(SIGNAL, (3,), strides=[2]),
    "conv2d": conv(),
    "conv2d_padded": conv(pads=[1, 1, 1, 1]),
    "conv2d_strided": conv(kernel=(2, 3), strides=[2, 1], pads=[0, 1, 1, 0]),
    "conv2d_dilated": conv(kernel=(2, 2), dilations=[2, 3]),
    "conv2d_grouped": conv(("batch", 4, 3, 3), (2, 2), group=2),
    "conv2d_depthwise": conv(("batch", 4, 4, 3), pads=[1, 1, 1, 1], group=4),
    "max_pool": plain("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    "average_pool": plain("AveragePool", floats=True, kernel_shape=[3, 2]),
    "global_average_pool": plain("GlobalAveragePool", floats=True),
    "global_max_pool": plain("GlobalMaxPool"),
    "residual_add": branches("Add"),
    "concat": branches("Concat", axis=1),
    "batch_norm": batch_norm,
    "relu": function("Relu"),
    "hard_tanh": function("Clip", -1.0, 1.0, scale=0.125),
    "leaky_relu": function("LeakyRelu", alpha=0.1),
    "sigmoid": function("Sigmoid", scale=0.07),
    "tanh": function("Tanh", scale=0.13),
    "gelu": function("Gelu"),
    "upsample": upsample,
    "pixel_shuffle": plain("DepthToSpace", blocksize=2, mode="CRD"),
    "weights_binary": linear(kind="BipolarQuant"),
    **{f"weights_int{bits}": linear(bits=bits) for bits in range(2, 9)},
    "weights_of_channels": linear(scale=BYTES),
    "weights_shifts": linear(bits=4, powers=True),
    "activations_binary": linear({"kind": "BipolarQuant"}, {"bits": 1, "kind": "BipolarQuant"}),
    **{f"activations_{bits}": linear({"bits": bits}, {"bits": bits}) for bits in range(2, 9)},
    "activations_16": linear({"bits": 16, "scale": 0.125}, {"bits": 16}),
}
