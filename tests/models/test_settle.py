"""A settled batch norm is exact in float32, close to what it replaces, and refused where unsafe."""

from fractions import Fraction
from typing import Any

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from torch import nn

from sterna_models import quantizers
from sterna_models.settle import settle_batch_norms

TERNARY = quantizers.TernaryMeanWeightPowerOfTwo


def make_network(
    seed: int, weight_quant: type = quantizers.TernaryMeanWeightPowerOfTwo
) -> tuple[nn.Sequential, Any]:
    """A layer with a random batch norm; the network and the batch norm."""
    torch.manual_seed(seed)
    module = nn.Sequential(
        qnn.QuantIdentity(act_quant=quantizers.UnsignedActivation, bit_width=4, max_val=1.0),
        qnn.QuantLinear(50, 30, bias=False, weight_quant=weight_quant),
        nn.BatchNorm1d(30),
        qnn.QuantReLU(act_quant=quantizers.UnsignedActivation, bit_width=4, max_val=4.0),
    )
    norm: Any = module[2]
    with torch.no_grad():
        norm.running_mean.normal_()
        norm.running_var.copy_(torch.rand(30) * 3 + 0.01)
        norm.weight.normal_()
        norm.bias.normal_()
    return module.eval(), norm


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
def test_outputs_have_one_rounding_of_the_exact_value(seed):
    module, norm = make_network(seed)
    settle_batch_norms(module)
    inputs = torch.rand(40, 50)
    with torch.no_grad():
        linear = module[:2](inputs)
        outputs = module[:3](inputs)
    for sample in range(40):
        for channel in range(30):
            alpha = Fraction(norm.weight[channel].item())
            exact = Fraction(linear[sample, channel].item()) * alpha
            assert Fraction(float(np.float32(float(exact)))) == exact  # the product is exact
            exact += Fraction(norm.bias[channel].item())
            result = outputs[sample, channel].numpy()
            error = abs(Fraction(float(result)) - exact)
            for neighbour in (np.float32(-np.inf), np.float32(np.inf)):
                other = Fraction(float(np.nextafter(result, neighbour)))
                assert error <= abs(other - exact)


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
def test_changes_little(seed):
    module, norm = make_network(seed)
    inputs = torch.rand(40, 50)
    with torch.no_grad():
        before = module[:3](inputs)
        settle_batch_norms(module)
        after = module[:3](inputs)
    assert (after - before).abs().max() <= before.abs().max() * 2**-6
    assert norm.running_mean.tolist() == [0] * 30
    variance = np.float32(norm.running_var[0].item())
    assert variance + np.float32(norm.eps) == np.float32(1)


def test_is_idempotent():
    module, _ = make_network(0)
    settle_batch_norms(module)
    state = {name: value.clone() for name, value in module.state_dict().items()}
    settle_batch_norms(module)
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


class Branches(nn.Module):
    """A convolution and the input, each quantised to its own step, added; then another layer."""

    def __init__(self, meets_a_quantiser: bool) -> None:
        super().__init__()
        signed: dict[str, Any] = {"act_quant": quantizers.SignedActivation, "bit_width": 4}
        self.input = qnn.QuantIdentity(**signed, min_val=-4.0, max_val=4.0)
        self.conv = qnn.QuantConv1d(3, 3, 3, padding=1, bias=False, weight_quant=TERNARY)
        self.norm = nn.BatchNorm1d(3)
        self.quant = qnn.QuantIdentity(**signed, min_val=-2.0, max_val=2.0)
        self.meet = (
            qnn.QuantReLU(act_quant=quantizers.UnsignedActivation, bit_width=4, max_val=4.0)
            if meets_a_quantiser
            else nn.Identity()
        )
        self.after = nn.Sequential(
            nn.MaxPool1d(2),
            qnn.QuantConv1d(3, 2, 3, bias=False, weight_quant=TERNARY),
            nn.BatchNorm1d(2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.input(x)
        return self.after(self.meet(self.quant(self.norm(self.conv(x))) + x))


def test_settles_norms_in_branches_and_behind_sums():
    torch.manual_seed(0)
    module = Branches(True).eval()
    after: Any = module.after
    pairs: list[Any] = [(module.conv, module.norm, 8), (*after[1:], 15)]
    with torch.no_grad():
        for _, norm, _ in pairs:
            norm.running_mean.normal_()
            norm.running_var.copy_(torch.rand(norm.num_features) + 0.1)
            norm.weight.normal_()
    settle_batch_norms(module)
    for convolution, norm, largest_code in pairs:
        assert norm.running_mean.tolist() == [0] * norm.num_features
        weights = convolution.quant_weight().int().abs().flatten(1).sum(dim=1)
        largest = int(weights.max()) * largest_code
        alphas = norm.weight.detach().numpy()[:, np.newaxis]
        accumulators = np.arange(-largest, largest + 1)
        products = alphas.astype(np.float64) * accumulators
        assert np.array_equal(products.astype(np.float32), products)
        # One bit more would not have fitted beside the largest accumulator.
        assert (alphas != np.round(alphas * 2**4) / 2**4).any()


def test_refuses_a_layer_that_reads_a_sum():
    message = "^Layer after.1 in front of a batch norm must read a quantiser, not None"
    with pytest.raises(ValueError, match=message):
        settle_batch_norms(Branches(False).eval())


def test_refuses_float_scales():
    with pytest.raises(ValueError, match="^Scale of a settled layer must be one power of two, not"):
        settle_batch_norms(make_network(0, quantizers.TernaryMeanWeight)[0])


def test_refuses_norm_without_linear():
    with pytest.raises(ValueError, match="^Batch norm must follow a linear layer, not None"):
        settle_batch_norms(nn.Sequential(nn.BatchNorm1d(3)).eval())


def test_refuses_accumulators_that_leave_no_bits():
    module = nn.Sequential(
        qnn.QuantIdentity(act_quant=quantizers.UnsignedActivation, bit_width=8, max_val=1.0),
        qnn.QuantLinear(40000, 2, bias=False, weight_quant=quantizers.BinaryWeightPowerOfTwo),
        nn.BatchNorm1d(2),
    ).eval()
    with pytest.raises(ValueError, match="^Batch norm must keep 4 significant bits or more, not 0"):
        settle_batch_norms(module)
