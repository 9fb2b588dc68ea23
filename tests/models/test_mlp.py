"""Built networks have the described layers, names and quantisers; the twins share their state."""

import pytest
import torch

from sterna_models.mlp import build_float, build_quantized
from sterna_models.recipe import Activation, MlpDescription

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
