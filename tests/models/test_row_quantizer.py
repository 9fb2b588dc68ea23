"""Int8 rows: codes, steps, and a gradient that passes the rounding."""

import pytest
import torch

from sterna_models.row_quantizer import quantise_rows, round_through


def test_codes_and_step():
    rows = quantise_rows(torch.tensor([[-2.0, 1.0, 0.5, 2.54], [0.0, 0.0, 0.0, 0.0]]))
    assert rows.codes.tolist() == [[-100, 50, 25, 127], [0, 0, 0, 0]]
    assert rows.step[0].item() == pytest.approx(0.02)
    assert rows.step[1].item() == pytest.approx(1e-5 / 127)


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_codes_are_int8_and_reach_the_end(seed):
    torch.manual_seed(seed)
    values = torch.randn(5, 7, 33) * 10 ** torch.empty(5, 7, 1).uniform_(-4, 4)
    rows = quantise_rows(values)
    assert torch.equal(rows.codes, rows.codes.round())
    assert (rows.codes.abs().amax(dim=-1) == 127).all()
    assert ((rows.values - values).abs() <= rows.step * 0.5001).all()
    assert torch.equal(rows.codes, rows.codes.to(torch.bfloat16).float())


def test_halves_go_to_even():
    assert round_through(torch.tensor([0.5, 1.5, -2.5])).tolist() == [0, 2, -2]


def test_gradient_is_that_of_the_identity():
    values = torch.tensor([[1.0, -0.3, 0.7]], requires_grad=True)
    weights = torch.tensor([[2.0, 3.0, 5.0]])
    (quantise_rows(values).values * weights).sum().backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad, weights)


def test_disabled_leaves_values_alone():
    values = torch.randn(3, 8)
    rows = quantise_rows(values, enabled=False)
    assert torch.equal(rows.values, values)
