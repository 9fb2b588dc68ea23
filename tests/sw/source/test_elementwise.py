"""Element-wise operations: single rounding of the fused one, monotonicity of all."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from sterna.source import Add, Cast, Clip, Divide, Multiply, MultiplyAdd, Relu
from sterna.source.elementwise import fused_multiply_add


def nearest_float32(value: Fraction) -> np.float32:
    """The float32 nearest to a fraction, ties to even, by looking at neighbours."""
    guess = np.float32(float(value))
    candidates = [
        guess,
        np.nextafter(guess, np.float32(-np.inf)),
        np.nextafter(guess, np.float32(np.inf)),
    ]
    distance = [abs(Fraction(float(item)) - value) for item in candidates]
    best = min(distance)
    nearest = [item for item, apart in zip(candidates, distance) if apart == best]
    return next(item for item in nearest if len(nearest) == 1 or item.view(np.int32) % 2 == 0)


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_fused_multiply_add_rounds_once(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-5000, 5000, 300).astype(np.float32)
    gain = rng.normal(0, 1, 300).astype(np.float32)
    near = -(x.astype(np.float64) * gain) * (1 + rng.choice([0, 1e-8, 1e-4, 1], 300))
    addend = near.astype(np.float32)
    result = fused_multiply_add(x, gain, addend)
    for a, b, c, y in zip(x, gain, addend, result):
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        assert y == nearest_float32(exact)


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_fused_multiply_add_is_torchs_batch_norm(seed):
    # Holds where torch uses fused multiply-adds: every x86 since 2013, every 64-bit ARM.
    rng = np.random.default_rng(seed)
    layer = torch.nn.BatchNorm1d(17).eval()
    assert layer.running_mean is not None
    assert layer.running_var is not None
    with torch.no_grad():
        layer.running_mean.copy_(torch.tensor(rng.normal(0, 1, 17)))
        layer.running_var.copy_(torch.tensor(rng.uniform(0.1, 2, 17)))
        layer.weight.copy_(torch.tensor(rng.normal(0, 1, 17)))
        layer.bias.copy_(torch.tensor(rng.normal(0, 1, 17)))
        x = rng.normal(0, 10, (500, 17)).astype(np.float32)
        expected = layer(torch.from_numpy(x)).numpy()
    mean, variance = layer.running_mean.numpy(), layer.running_var.numpy()
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    gain = np.float32(1) / np.sqrt(variance + np.float32(layer.eps)) * weight
    operation = MultiplyAdd(gain, fused_multiply_add(-mean, gain, bias))
    np.testing.assert_array_equal(operation.evaluate(x), expected)


@pytest.mark.parametrize("number_type", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_every_operation_is_monotone(seed, number_type):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.normal(0, 100, (2000, 1)).astype(number_type), axis=0)
    constant = rng.normal(0, 1, 6).astype(number_type)
    other = rng.normal(0, 1000, 6).astype(number_type)
    for operation in (
        Multiply(constant),
        Divide(constant),
        Add(other),
        MultiplyAdd(constant, other),
        Relu(),
        Clip(-3.0, 7.5),
        Cast("float32"),
    ):
        change = np.diff(operation.evaluate(np.broadcast_to(x, (2000, 6))), axis=0)
        assert ((change >= 0).all(axis=0) | (change <= 0).all(axis=0)).all()


def test_constants_must_fit_the_last_axis():
    assert Add(np.zeros(3)).shape((5, 3)) == (5, 3)
    with pytest.raises(ValueError, match="Constant must be a scalar or have one value for each"):
        Add(np.zeros(3)).shape((3, 5))


def test_constants_cannot_be_changed():
    operation = Add(np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        operation.constant[0] = 1
