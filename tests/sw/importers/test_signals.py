"""Convolutions and pooling of signals, and global pooling: live modules, files, cycles."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from torch import nn

from sterna import ir
from sterna.building import predict_cycles, prepare
from sterna.exporters import write_qonnx
from sterna.importers import from_brevitas, load_qonnx
from sterna.ir import parse_graph, print_graph
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.unsupported import UnsupportedError
from sterna_hw.base import TERNARY, IntegerRange, WindowAxis, find_device

from .image_networks import IMAGE, convolution
from .networks import WEIGHTS, activation, batch_norm, calibrate, linear
from .onnx_files import Sketch
from .test_qonnx import execute_by_qonnx

SIGNAL = (2, 12)
DEVICE = find_device("ecp5-25k")


def signal_layer(weights: str, inputs: int, outputs: int, kernel: int, **more: Any) -> nn.Module:
    like: Any = linear(weights, 4, outputs, True)
    layer = qnn.QuantConv1d(inputs, outputs, kernel, weight_quant=like.weight_quant, **more)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape) * 0.15)
        if layer.bias is not None and like.bias is not None:
            layer.bias.copy_(like.bias)
    return layer


def random_signal_network(seed: int) -> nn.Sequential:
    """Two convolutions with what stands between them; takes ``[batch, 2, 12]``."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    kinds = [kind for kind in WEIGHTS if "channels" not in kind]
    first = signal_layer(
        str(rng.choice(kinds)),
        2,
        4,
        int(rng.integers(1, 5)),
        stride=int(rng.integers(1, 3)),
        groups=int(rng.integers(1, 3)),
        bias=bool(rng.random() < 0.5),
    )
    second = signal_layer(str(rng.choice(kinds)), 4, 3, 3, padding=2, dilation=2)
    layers: list[nn.Module] = [activation("identity", 6), first, batch_norm(rng, 4)]
    layers += [activation("relu", 4), second, activation("identity", 4)]
    if rng.random() < 0.5:
        layers.append(nn.MaxPool1d(2))
    layers += [nn.AdaptiveAvgPool1d(1), activation("identity", 6), nn.Flatten()]
    network = nn.Sequential(*layers, linear("int4", 3, 4, True))
    calibrate(network, torch.randn(64, *SIGNAL) * 2)
    return network


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_modules(seed: int) -> None:
    """Averages are of any number of steps, so that only double precision has no doubt."""
    module = random_signal_network(seed).double()
    x = np.random.default_rng(seed).normal(0, 2, (60, *SIGNAL)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(x).double()).numpy()
    graph = from_brevitas(module, SIGNAL)
    np.testing.assert_allclose(graph.run(x), expected, rtol=1e-12, atol=1e-9)
    assert any(isinstance(op, ir.GlobalPool) for op in graph.ops)
    assert parse_graph(print_graph(graph)) == graph
    hardware = prepare(graph)
    mapped = map_graph(hardware, DEVICE, Planner(hardware, DEVICE).plan())
    kind = hardware.types[hardware.input_name]
    codes = np.random.default_rng(seed).integers(-32, 32, (3, *kind.shape))
    *_, result = mapped.accelerator.compute(codes.reshape(3, -1)).values()
    np.testing.assert_array_equal(result, hardware.run_integers(codes).reshape(3, -1))


def test_files(tmp_path: Any) -> None:
    module = random_signal_network(1)
    path = tmp_path / "signal.onnx"
    write_qonnx(module, path, SIGNAL)
    assert load_qonnx(path) == from_brevitas(module, SIGNAL)


def test_other_peoples_files(tmp_path: Any) -> None:
    sketch = Sketch(("batch", 3, 10))
    x = sketch.quant("x", 0.25, 4)
    integers = np.random.default_rng(0).integers(-3, 4, (4, 3, 3))
    weights = sketch.quant(sketch.constant(integers), 1.0, 3)
    bias = sketch.constant(np.arange(4) / 4)
    x = sketch.node("Conv", x, weights, bias, kernel_shape=[3], pads=[2, 0], strides=[2])
    x = sketch.quant(sketch.node("Mul", x, sketch.constant(np.ones((4, 1)) / 2)), 0.5, 6)
    x = sketch.quant(sketch.node("GlobalAveragePool", x), 0.125, 8)
    path = sketch.write(tmp_path, sketch.node("Flatten", x))
    graph = load_qonnx(path)
    codes = np.random.default_rng(1).integers(-8, 8, (30, 3, 10))
    real = (codes / 4).astype(np.float32)
    np.testing.assert_array_equal(
        graph.run(real).reshape(30, -1), execute_by_qonnx(path, real).reshape(30, -1)
    )


def test_a_signal_passes_a_step_a_cycle() -> None:
    """One column, one beat: nothing waits for a place to become free."""
    entry = ir.Input("x", (), ir.TensorType((64, 1, 1), IntegerRange(0, 15)))
    window = ir.Window("w", ("x",), WindowAxis(64, 3, 1, 1, 1, 1), WindowAxis(1))
    conv = ir.GroupMatMul("conv", ("w",), np.ones((1, 3), int), TERNARY, 1, 1, 3)
    edges = {"conv": ir.OutputEdge(1.0)}
    graph = ir.Graph("signal", (entry, window, conv), {"x": ir.InputEdge(1.0)}, edges)
    mapped = map_graph(graph, DEVICE, {})
    assert predict_cycles(mapped.accelerator)[1] == 64


@pytest.mark.parametrize(
    ("pool", "mode"),
    [
        (nn.AdaptiveAvgPool2d(1), "sum"),
        (nn.AdaptiveMaxPool2d((1, 1)), "max"),
        (nn.AvgPool2d((5, 4)), "sum"),
    ],
)
def test_global_pooling_of_images(pool: nn.Module, mode: str) -> None:
    layers = [activation("identity", 4), convolution("int4", 2, 3, 3), activation("relu", 4)]
    layers += [pool, activation("identity", 6), nn.Flatten(), linear("int4", 3, 4, False)]
    network = nn.Sequential(*layers)
    calibrate(network, torch.randn(32, *IMAGE))
    graph = from_brevitas(network.double(), IMAGE)
    (op,) = (op for op in graph.ops if isinstance(op, ir.GlobalPool))
    assert op.mode == mode
    x = torch.randn(20, *IMAGE).double()
    with torch.no_grad():
        np.testing.assert_allclose(graph.run(x.numpy()), network(x).numpy(), atol=1e-9)


def test_refuses_other_sizes() -> None:
    module = nn.Sequential(activation("identity", 4), nn.AdaptiveAvgPool2d(2))
    calibrate(module, torch.randn(8, *IMAGE))
    with pytest.raises(UnsupportedError, match="output size must be 1, not 2"):
        from_brevitas(module, IMAGE)
