"""Each weight quantiser's integers against a retelling of its rule in numpy, and its alphabet."""

import brevitas.nn as qnn
import numpy as np
import pytest
import torch

from sterna_models import quantizers

ALPHABETS = {
    "BinaryWeight": {-1, 1},
    "BinaryWeightPowerOfTwo": {-1, 1},
    "TernaryMeanWeight": {-1, 0, 1},
    "TernaryMeanWeightPowerOfTwo": {-1, 0, 1},
    "TernaryMedianWeight": {-1, 0, 1},
    "TernaryMedianWeightPowerOfTwo": {-1, 0, 1},
    "TernaryThresholdWeight": {-1, 0, 1},
    "TernaryThresholdWeightPowerOfTwo": {-1, 0, 1},
    "TwoBitWeight": {-2, -1, 0, 1},
    "TwoBitWeightPowerOfTwo": {-2, -1, 0, 1},
    "IntegerWeight": set(range(-7, 8)),
    "IntegerWeightPowerOfTwo": set(range(-7, 8)),
    "IntegerWeightPerChannel": set(range(-7, 8)),
    "IntegerWeightLearnedPowerOfTwo": set(range(-7, 8)),
    "ShiftWeight": {-4, -2, -1, 0, 1, 2, 4},
    "ShiftWeightPowerOfTwo": {-4, -2, -1, 0, 1, 2, 4},
    "DenseShiftWeight": {-4, -2, -1, 1, 2, 4},
    "DenseShiftWeightPowerOfTwo": {-4, -2, -1, 1, 2, 4},
}


def make_layer(name, seed, **options):
    torch.manual_seed(seed)
    layer = qnn.QuantLinear(60, 40, bias=False, weight_quant=getattr(quantizers, name), **options)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(40, 60) * 0.3)
    return layer


def integers(layer):
    weight = layer.quant_weight()
    return torch.round(weight.value / weight.scale).to(torch.int64).numpy()


def power_of_two(value):
    return np.float32(2.0) ** np.round(np.log2(value))


def test_every_exported_quantiser_is_covered():
    names = {name for name in quantizers.__all__ if name.endswith(("Weight", "OfTwo", "Channel"))}
    assert names == set(ALPHABETS)


@pytest.mark.parametrize("seed", range(3), ids=lambda s: f"seed{s}")
@pytest.mark.parametrize("name", ALPHABETS)
def test_integers_are_letters(name, seed):
    layer = make_layer(name, seed)
    weight = layer.quant_weight()
    assert set(integers(layer).flatten().tolist()) <= ALPHABETS[name]
    grid = torch.from_numpy(integers(layer)).float() * weight.scale
    assert torch.equal(grid, weight.value)


@pytest.mark.parametrize("name", [name for name in ALPHABETS if name.endswith("PowerOfTwo")])
def test_scale_is_a_power_of_two(name):
    scale = make_layer(name, 0).quant_weight().scale
    assert scale.numel() == 1
    assert np.frexp(scale.item())[0] == 0.5


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
@pytest.mark.parametrize("kind", ["Mean", "Median"])
@pytest.mark.parametrize("restricted", [False, True], ids=["float", "power"])
def test_ternary_of_bitnet(kind, restricted, seed):
    layer = make_layer(f"Ternary{kind}Weight{'PowerOfTwo' if restricted else ''}", seed)
    weights = layer.weight.detach().numpy()
    if kind == "Mean":
        scale = np.float32(torch.from_numpy(weights).abs().mean().item())
    else:
        scale = np.sort(np.abs(weights).flatten())[(weights.size - 1) // 2]
    if restricted:
        scale = power_of_two(scale)
    expected = np.clip(np.round(weights / scale), -1, 1)
    assert np.array_equal(integers(layer), expected)
    assert layer.quant_weight().scale.item() == scale


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8])
@pytest.mark.parametrize("seed", range(2), ids=lambda s: f"seed{s}")
def test_ternary_by_threshold(threshold, seed):
    layer = make_layer("TernaryThresholdWeight", seed, weight_threshold=threshold)
    weights = layer.weight.detach().numpy()
    limit = np.float32(threshold) * np.float32(layer.weight.detach().abs().mean().item())
    assert np.array_equal(integers(layer), np.where(np.abs(weights) > limit, np.sign(weights), 0))


@pytest.mark.parametrize("seed", range(2), ids=lambda s: f"seed{s}")
def test_binary_is_the_sign(seed):
    layer = make_layer("BinaryWeight", seed)
    with torch.no_grad():
        layer.weight[0, 0] = 0.0
    weights = layer.weight.detach().numpy()
    assert np.array_equal(integers(layer), np.where(weights >= 0, 1, -1))


@pytest.mark.parametrize("seed", range(2), ids=lambda s: f"seed{s}")
def test_two_bit(seed):
    layer = make_layer("TwoBitWeightPowerOfTwo", seed)
    weights = layer.weight.detach().numpy()
    scale = power_of_two(np.abs(weights).mean())
    assert np.array_equal(integers(layer), np.clip(np.round(weights / scale), -2, 1))


@pytest.mark.parametrize("seed", range(3), ids=lambda s: f"seed{s}")
@pytest.mark.parametrize("dense", [False, True], ids=["zero", "dense"])
@pytest.mark.parametrize("restricted", [False, True], ids=["float", "power"])
def test_shifts_are_the_nearest(dense, restricted, seed):
    prefix, suffix = "Dense" if dense else "", "PowerOfTwo" if restricted else ""
    layer = make_layer(f"{prefix}ShiftWeight{suffix}", seed)
    weights = layer.weight.detach().numpy()
    mean = np.float32(layer.weight.detach().abs().mean().item())
    step = (power_of_two(mean) if restricted else mean) / 2
    assert layer.quant_weight().scale.item() == step
    letters = np.array([-4, -2, -1, 1, 2, 4] if dense else [-4, -2, -1, 0, 1, 2, 4])
    distances = np.abs((weights / step)[..., np.newaxis] - letters)
    assert np.array_equal(integers(layer), letters[distances.argmin(axis=-1)])
    assert set(integers(layer).flatten().tolist()) == set(letters.tolist())


def test_dense_shift_of_zero_is_no_zero():
    layer = make_layer("DenseShiftWeightPowerOfTwo", 0)
    with torch.no_grad():
        layer.weight[0] = 0.0
    assert set(integers(layer)[0].tolist()) == {1}


@pytest.mark.parametrize("seed", range(2), ids=lambda s: f"seed{s}")
def test_binary_point_is_learned(seed):
    """It starts where every weight fits, and moves to where the error of rounding is smaller."""
    layer = make_layer("IntegerWeightLearnedPowerOfTwo", seed, weight_bit_width=3)
    with torch.no_grad():
        layer.weight[0, 0] = 4.0  # one large weight makes the first step coarse
    target = layer.weight.detach().clone()
    first = layer.quant_weight().scale.item()
    assert first == power_of_two(np.float32(4.0)) / 4
    (exponent,) = (p for name, p in layer.named_parameters() if "scaling" in name)
    optimiser = torch.optim.SGD([exponent], lr=0.01)
    errors = []
    for _ in range(60):
        error = (layer.quant_weight().value[1:] - target[1:]).square().sum()
        errors.append(error.item())
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    learned = layer.quant_weight().scale.item()
    assert learned < first and errors[-1] < errors[0]
    assert np.frexp(learned)[0] == 0.5


@pytest.mark.parametrize("bit_width", [3, 4, 8])
def test_per_channel_integers_use_their_whole_range(bit_width):
    layer = make_layer("IntegerWeightPerChannel", 0, weight_bit_width=bit_width)
    largest = 2 ** (bit_width - 1) - 1
    assert layer.quant_weight().scale.shape == (40, 1)
    assert np.abs(integers(layer)).max(axis=1).tolist() == [largest] * 40


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in ALPHABETS
        if "Mean" in name or "Median" in name or "Two" in name[:3] or "Shift" in name
    ],
)
def test_ternary_and_two_bit_are_straight_through(name):
    layer = make_layer(name, 0)
    layer.quant_weight().value.sum().backward()
    assert layer.weight.grad is not None
    assert torch.equal(layer.weight.grad, torch.ones_like(layer.weight))
