"""Activation quantisers against round-half-even and clip in numpy, at every bit width."""

import brevitas.nn as qnn
import numpy as np
import pytest
import torch

from sterna_models.quantizers import (
    LearnedSignedActivation,
    LearnedUnsignedActivation,
    SignedActivation,
    UnsignedActivation,
)

INPUTS = np.arange(-640, 641, dtype=np.float32) / 128  # every tie of every step, both ends


@pytest.mark.parametrize("bit_width", range(1, 9))
@pytest.mark.parametrize("act_quant", [UnsignedActivation, LearnedUnsignedActivation])
def test_unsigned(act_quant, bit_width):
    layer = qnn.QuantReLU(act_quant=act_quant, bit_width=bit_width, max_val=4.0).eval()
    step = 4.0 / 2**bit_width
    expected = np.clip(np.round(np.maximum(INPUTS, 0) / step), 0, 2**bit_width - 1) * step
    with torch.no_grad():
        assert layer(torch.from_numpy(INPUTS)).tolist() == expected.tolist()


@pytest.mark.parametrize("bit_width", range(2, 9))
@pytest.mark.parametrize("act_quant", [SignedActivation, LearnedSignedActivation])
@pytest.mark.parametrize("kind", [qnn.QuantIdentity, qnn.QuantHardTanh])
def test_signed(act_quant, bit_width, kind):
    layer = kind(act_quant=act_quant, bit_width=bit_width, min_val=-2.0, max_val=2.0).eval()
    step = 2.0 / 2 ** (bit_width - 1)
    inputs = np.clip(INPUTS, -2, 2) if kind is qnn.QuantHardTanh else INPUTS
    largest = 2 ** (bit_width - 1)
    expected = np.clip(np.round(inputs / step), -largest, largest - 1) * step
    with torch.no_grad():
        assert layer(torch.from_numpy(inputs)).tolist() == expected.tolist()


def test_learned_step_is_trained_and_fixed_step_is_not():
    learned = qnn.QuantReLU(act_quant=LearnedUnsignedActivation, bit_width=4, max_val=4.0)
    fixed = qnn.QuantReLU(act_quant=UnsignedActivation, bit_width=4, max_val=4.0)
    assert len(list(learned.parameters())) == 1
    assert len(list(fixed.parameters())) == 0
