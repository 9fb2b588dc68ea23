"""Quantisers against qonnx' own implementation, on every rounding, at and around every tie."""

from __future__ import annotations

import numpy as np
import pytest
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant

from sterna.source import BipolarQuantiser, IntegerQuantiser

SHARED = "ROUND HALF_EVEN FLOOR CEIL UP DOWN HALF_UP HALF_DOWN".split()


def samples(seed, scale):
    rng = np.random.default_rng(seed)
    ties = (np.arange(-80, 80) / 2).astype(np.float32) * np.float32(scale)
    near = [np.nextafter(ties, np.float32(end)) for end in (-np.inf, np.inf)]
    wild = rng.normal(0, 20 * scale, 400).astype(np.float32)
    return np.concatenate([ties, *near, wild, np.array([0.0, -0.0, 1e30, -1e30], dtype=np.float32)])


@pytest.mark.parametrize("rounding", SHARED)
@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_integer_quantiser_equals_qonnx(rounding, seed):
    rng = np.random.default_rng(seed)
    scale = np.float32(rng.choice([0.5, 1.0, 0.37, 0.0123]))
    bits, zero = int(rng.integers(2, 9)), int(rng.integers(-4, 5))
    signed, narrow = bool(rng.integers(2)), bool(rng.integers(2))
    quantiser = IntegerQuantiser(np.array(scale), zero, bits, signed, narrow, rounding)
    x = samples(seed, float(scale))
    expected = int_quant(
        x, scale, np.float32(zero), np.array(bits, np.float32), signed, narrow, rounding
    )
    np.testing.assert_array_equal(quantiser.evaluate(x), expected)
    codes = quantiser.codes(x)
    assert codes.min() == quantiser.low
    assert codes.max() == quantiser.high
    assert quantiser.level_count == quantiser.high - quantiser.low


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_bipolar_quantiser_equals_qonnx(seed):
    quantiser = BipolarQuantiser(np.array(np.float32(0.37)))
    x = samples(seed, 0.37)
    np.testing.assert_array_equal(quantiser.evaluate(x), binary_quant(x, np.float32(0.37)))
    assert (quantiser.low, quantiser.high, quantiser.step) == (-1, 1, 2)
    assert quantiser.level_count == 1


def test_dpu_rounding_takes_negative_ties_up():
    quantiser = IntegerQuantiser(np.array(np.float32(1)), rounding="DPU")
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, -1.6, 1.6], dtype=np.float32)
    assert quantiser.codes(x).tolist() == [-2, -1, 0, 0, 2, 2, -2, 2]


@pytest.mark.parametrize(
    ("bits", "signed", "narrow", "bounds"),
    [
        (1, False, False, (0, 1)),
        (2, True, True, (-1, 1)),
        (2, True, False, (-2, 1)),
        (8, False, True, (0, 254)),
        (8, True, False, (-128, 127)),
    ],
)
def test_bounds(bits, signed, narrow, bounds):
    quantiser = IntegerQuantiser(np.array(np.float32(1)), 0, bits, signed, narrow)
    assert (quantiser.low, quantiser.high) == bounds
