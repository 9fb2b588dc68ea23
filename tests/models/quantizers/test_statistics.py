"""Mean and median of |w| against numpy, outside the gradient."""

import numpy as np
import pytest
import torch

from sterna_models.quantizers import AbsoluteMean, AbsoluteMedian
from sterna_models.quantizers.statistics import UnitStep


@pytest.mark.parametrize("seed", range(4), ids=lambda s: f"seed{s}")
def test_values(seed):
    weights = np.random.default_rng(seed).normal(size=(7, 5)).astype(np.float32)
    tensor = torch.from_numpy(weights).requires_grad_()
    mean, median = AbsoluteMean()(tensor), AbsoluteMedian()(tensor)
    assert abs(mean.item() - np.abs(weights).mean()) < 1e-6
    assert median.item() == np.median(np.abs(weights))  # 35 elements: the middle one
    assert not mean.requires_grad
    assert not median.requires_grad


def test_median_of_an_even_number_is_the_lower_one():
    assert AbsoluteMedian()(torch.tensor([4.0, -1.0, 2.0, -3.0])).item() == 2


def test_unit_step():
    assert UnitStep()(torch.tensor(2.0)).item() == 1
