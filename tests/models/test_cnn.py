"""Convolutions of a description: on images and signals, depthwise or not, exact when imported."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import sterna
from sterna import ir
from sterna.exporters.qonnx import write_qonnx
from sterna_models.mlp import build_float, build_quantized
from sterna_models.recipe import Activation, ConvolutionLayer, MlpDescription
from sterna_models.training import predict

from .random_norms import settled

LAYERS = (
    ConvolutionLayer(4, kernel=3, padding=1, pool=2),
    ConvolutionLayer(4, padding=1, depthwise=True),
    ConvolutionLayer(6, kernel=1),
)


def describe(weight_quantizer: str) -> MlpDescription:
    return MlpDescription(
        hidden_sizes=(),
        weight_quantizer=weight_quantizer,
        input_activation=Activation(4, 2.0, signed=True),
        hidden_activation=Activation(4, 4.0),
        convolutions=LAYERS,
    )


@pytest.mark.parametrize(
    ("shape", "kinds"),
    [
        ((2, 8, 6), (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d)),
        ((3, 9), (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d)),
    ],
    ids=["image", "signal"],
)
def test_axes_of_the_input_choose_the_layers(shape, kinds):
    module = build_quantized(describe("TernaryMeanWeightPowerOfTwo"), shape, 3)
    twin = build_float((), shape, 3, convolutions=LAYERS)
    for network in (module, twin):
        for name, kind in zip(("conv1", "conv_norm1", "pool1"), kinds):
            assert isinstance(network.get_submodule(name), kind)
        assert network(torch.zeros(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize("shape", [(5,), (1, 2, 3, 4)], ids=str)
def test_refuses_inputs_of_other_axes(shape):
    message = r"^Input of a convolution must be \(channels, height, width\) or \(channels, length\)"
    with pytest.raises(ValueError, match=message):
        build_quantized(describe("TernaryMeanWeightPowerOfTwo"), shape, 3)


@pytest.mark.parametrize("shape", [(1, 8, 1), (1, 1)], ids=str)
def test_refuses_inputs_that_a_pooling_leaves_empty(shape):
    with pytest.raises(ValueError, match="^Image of layer 1 must be larger, not "):
        build_quantized(describe("TernaryMeanWeightPowerOfTwo"), shape, 3)


@pytest.mark.parametrize("shape", [(2, 8, 6), (3, 9)], ids=["image", "signal"])
@pytest.mark.parametrize(
    "quantizer", ["TernaryMeanWeightPowerOfTwo", "IntegerWeightLearnedPowerOfTwo"]
)
def test_integers_are_exact_from_module_and_file(
    quantizer: str, shape: tuple[int, ...], tmp_path: Path
):
    torch.manual_seed(5)
    module = build_quantized(describe(quantizer), shape, 3)
    inputs = np.random.default_rng(5).integers(-8, 8, (64, *shape)).astype(np.float32) / 4
    module(torch.from_numpy(inputs))  # learned steps start from the weights
    module = settled(module, 5)
    expected = predict(module, inputs)
    assert len(np.unique(expected)) > 20
    path = tmp_path / "network.onnx"
    write_qonnx(module, path, shape, "network")
    graphs = [sterna.from_brevitas(module, shape, name="network"), sterna.load(path)]
    assert graphs[0] == graphs[1]
    assert sum(isinstance(op, ir.GroupMatMul) for op in graphs[0].ops) == 1
    for graph in graphs:
        assert np.array_equal(np.asarray(graph.run(inputs), dtype=np.float32), expected)
