"""Residual blocks: layers, names and shapes of both twins, and integers equal to Brevitas'."""

from pathlib import Path

import numpy as np
import pytest
import torch

import sterna
from sterna import ir
from sterna.exporters.qonnx import write_qonnx
from sterna_models.mlp import build_float, build_quantized
from sterna_models.recipe import Activation, ConvolutionLayer, MlpDescription, ResidualBlock
from sterna_models.training import predict

from .random_norms import settled

BRANCH = Activation(4, 4.0, signed=True)
DESCRIPTION = MlpDescription(
    hidden_sizes=(),
    weight_quantizer="TernaryMeanWeightPowerOfTwo",
    input_activation=Activation(4, 1.0),
    hidden_activation=Activation(4, 4.0),
    convolutions=(
        ConvolutionLayer(4, padding=1),
        ResidualBlock(4, BRANCH),
        ResidualBlock(6, BRANCH, stride=2),
    ),
)


def test_layers_and_names():
    module = build_quantized(DESCRIPTION, (1, 7, 7), 3)
    names = [name for name, part in module.named_modules() if name and not list(part.children())]
    blocks = {name.split(".act_quant")[0] for name in names if name.startswith("block")}
    layers = {".".join(name.split(".")[:3]) for name in blocks}
    long = {f"long.{layer}" for layer in ("conv1", "norm1", "relu1", "conv2", "norm2", "quant2")}
    short = {f"short.{layer}" for layer in ("conv", "norm", "quant")}
    for name, expected in (("block2", long), ("block3", long | short)):
        found = {layer.removeprefix(f"{name}.") for layer in layers if layer.startswith(name)}
        assert {layer for layer in found if not layer.startswith("relu")} - {"short"} == expected
    assert module(torch.zeros(2, 1, 7, 7)).shape == (2, 3)
    assert module.get_submodule("block3.short.conv").get_parameter("weight").shape == (6, 4, 1, 1)


@pytest.mark.parametrize("shape", [(1, 7, 7), (1, 8, 5), (2, 9)], ids=str)
def test_shapes_behind_blocks_and_twins(shape):
    module = build_quantized(DESCRIPTION, shape, 3)
    twin = build_float((), shape, 3, convolutions=DESCRIPTION.convolutions)
    inputs = torch.zeros(2, *shape)
    assert module(inputs).shape == twin(inputs).shape == (2, 3)
    assert set(twin.state_dict()) - {"output.bias"} <= set(module.state_dict())


@pytest.mark.parametrize("shape", [(1, 7, 7), (2, 9)], ids=str)
@pytest.mark.parametrize("seed", range(2), ids=lambda s: f"seed{s}")
def test_integers_are_exact_from_module_and_file(seed: int, shape: tuple[int, ...], tmp_path: Path):
    torch.manual_seed(seed)
    module = settled(build_quantized(DESCRIPTION, shape, 3), seed)
    inputs = np.random.default_rng(seed).integers(0, 16, (64, *shape)).astype(np.float32) / 16
    expected = predict(module, inputs)
    assert len(np.unique(expected)) > 20
    path = tmp_path / "network.onnx"
    write_qonnx(module, path, shape, "network")
    graphs = [sterna.from_brevitas(module, shape, name="network"), sterna.load(path)]
    assert graphs[0] == graphs[1]
    assert sum(isinstance(op, ir.Add) for op in graphs[0].ops) == 2
    for graph in graphs:
        assert np.array_equal(np.asarray(graph.run(inputs), dtype=np.float32), expected)
