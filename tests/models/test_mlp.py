"""Built networks have the described layers, names and quantisers; the twins share their state."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sterna_models.mlp import build_float, build_quantized
from sterna_models.recipe import Activation, ConvolutionLayer, MlpDescription

DESCRIPTION = MlpDescription(
    hidden_sizes=(6, 5),
    weight_quantizer="TernaryMeanWeightPowerOfTwo",
    input_activation=Activation(8, 1.0),
    hidden_activation=Activation(4, 4.0),
)


def test_layer_names_and_shapes():
    module = build_quantized(DESCRIPTION, (2, 2, 2), 3)
    assert [name for name, _ in module.named_children()] == [
        "input",
        "flatten",
        *("hidden1", "norm1", "relu1", "hidden2", "norm2", "relu2"),
        "output",
    ]
    assert module(torch.zeros(4, 2, 2, 2)).shape == (4, 3)
    assert [tuple(p.shape) for p in module.parameters() if p.ndim > 1] == [(6, 8), (5, 6), (3, 5)]


def test_flat_inputs_are_not_flattened():
    names = [name for name, _ in build_quantized(DESCRIPTION, (8,), 3).named_children()]
    assert "flatten" not in names


def test_input_quantiser_keeps_grid_values():
    module = build_quantized(DESCRIPTION, (256,), 3).eval()
    pixels = torch.arange(256.0)[None] / 256
    assert torch.equal(module[0](pixels), pixels)


def test_float_twin_starts_the_quantised_network():
    module = build_quantized(DESCRIPTION, (8,), 3)
    twin = build_float(DESCRIPTION.hidden_sizes, (8,), 3)
    shared = set(twin.state_dict()) - {"output.bias"}
    assert shared <= set(module.state_dict())


@pytest.mark.parametrize("name", ["NoSuchWeight", "UnsignedActivation2", "weights"])
def test_refuses_unknown_quantiser(name):
    description = MlpDescription((4,), name, Activation(4, 1.0), Activation(4, 1.0))
    with pytest.raises(ValueError, match=f"^Weight quantizer must be a name in .*not '{name}'$"):
        build_quantized(description, (8,), 2)


def test_depthwise_convolutions_see_their_own_channel():
    layers = (ConvolutionLayer(4), ConvolutionLayer(4, padding=1, depthwise=True))
    description = replace(DESCRIPTION, hidden_sizes=(), convolutions=layers)
    module = build_quantized(description, (1, 5, 5), 3)
    twin = build_float((), (1, 5, 5), 3, convolutions=layers)
    for convolution in (module.get_submodule("conv2"), twin.get_submodule("conv2")):
        assert isinstance(convolution, nn.Conv2d) and convolution.groups == 4
        assert tuple(convolution.weight.shape) == (4, 1, 3, 3)
    wrong = replace(description, convolutions=(*layers, ConvolutionLayer(6, depthwise=True)))
    with pytest.raises(ValueError, match="^Channels of a depthwise convolution must be its 4 inp"):
        build_quantized(wrong, (1, 5, 5), 3)


def test_learned_steps_are_parameters_that_start_from_the_float_twin():
    description = replace(
        DESCRIPTION,
        weight_quantizer="IntegerWeightLearnedPowerOfTwo",
        hidden_activation=Activation(4, 4.0, learned=True),
    )
    module = build_quantized(description, (8,), 3)
    module(torch.randn(4, 8))
    learned = [name for name, _ in module.named_parameters() if "scaling_impl" in name]
    assert len(learned) == 5  # three matrices, two activations; the input's step is fixed
