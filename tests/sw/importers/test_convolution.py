"""Convolutions and pooling: live modules, files, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from sterna import ir
from sterna.exporters import write_qonnx
from sterna.importers import from_brevitas, load_qonnx
from sterna.importers.convolution import as_matrix, image_axes
from sterna.ir import parse_graph, print_graph
from sterna.unsupported import UnsupportedError

from .image_networks import IMAGE, convolution, image_inputs, random_image_network
from .networks import activation, calibrate, linear
from .test_qonnx import execute_by_qonnx


@pytest.mark.parametrize("seed", range(24), ids=lambda seed: f"seed{seed}")
def test_power_of_two_networks_are_equal(seed: int) -> None:
    module = random_image_network(seed)
    x = image_inputs(seed)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    graph = from_brevitas(module, IMAGE)
    np.testing.assert_array_equal(graph.run(x).astype(np.float32), expected)
    assert parse_graph(print_graph(graph)) == graph


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_files_mean_the_same(seed: int, tmp_path: Any) -> None:
    module = random_image_network(seed)
    path = tmp_path / "network.onnx"
    write_qonnx(module, path, IMAGE)
    onnx.checker.check_model(str(path))
    assert load_qonnx(path) == from_brevitas(module, IMAGE)
    x = image_inputs(seed, 20)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(execute_by_qonnx(path, x), expected)


def test_flattening_keeps_the_sources_order() -> None:
    """The columns of the last matrix are moved, so that its inputs may come pixel by pixel."""
    torch.manual_seed(1)
    last = linear("int4", 2 * 7 * 6, 3, False)
    module = nn.Sequential(activation("identity", 8), nn.MaxPool2d(1), nn.Flatten(), last)
    calibrate(module, torch.randn(32, *IMAGE))
    graph = from_brevitas(module, IMAGE)
    (product,) = (op for op in graph.ops if isinstance(op, ir.MatMul))
    own = last.quant_weight().int().numpy()
    np.testing.assert_array_equal(
        product.weights.reshape(3, 7, 6, 2).transpose(0, 3, 1, 2).reshape(3, -1), own
    )
    assert graph.inputs[graph.input_name].axes == (1, 2, 0)


def test_weights_by_hand() -> None:
    """Two groups, each of one input and one output: what an output does not see is zero."""
    weights = np.arange(1, 5).reshape(2, 1, 1, 2)
    expected = [[1, 0, 2, 0], [0, 3, 0, 4]]
    np.testing.assert_array_equal(as_matrix(weights, 2), expected)
    rows, columns = image_axes((3, 5, 8), (3, 2), (1, 2), (1, 0, 0, 1), (1, 1))
    assert (rows.outputs, columns.outputs, rows.before, columns.after) == (4, 4, 1, 1)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Conv2d(2, 3, 3), "weights must be quantised, not float"),
        (convolution("int4", 2, 3, 3, padding=1, padding_mode="circular"), "padding must be zeros"),
        (convolution("int4", 2, 3, 9), "Extent of a window must be at most 7, not 9"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode must be off"),
        (nn.AvgPool2d(3, padding=1, count_include_pad=False), "padding must be counted"),
        (nn.AvgPool2d(2, divisor_override=3), "divisor must be that of the window"),
    ],
)
def test_refuses_layers(layer: nn.Module, reason: str) -> None:
    module = nn.Sequential(activation("identity", 4), layer)
    module[0].train()
    module[0](torch.randn(8, *IMAGE))
    with pytest.raises(UnsupportedError, match=reason):
        from_brevitas(module, IMAGE)


def test_refuses_a_pooling_of_floats() -> None:
    layers = [activation("identity", 4), convolution("int4", 2, 3, 3), nn.MaxPool2d(2)]
    module = nn.Sequential(*layers, activation("relu", 4))
    calibrate(module, torch.randn(8, *IMAGE))
    with pytest.raises(UnsupportedError, match="windows must have a quantiser in front"):
        from_brevitas(module, IMAGE)


def test_refuses_an_image_as_logits() -> None:
    module = nn.Sequential(activation("identity", 4), nn.MaxPool2d(2), nn.Flatten())
    calibrate(module, torch.randn(8, *IMAGE))
    with pytest.raises(UnsupportedError, match="a flattened image must go into a layer"):
        from_brevitas(module, IMAGE)
