"""The torch decoder against a numpy telling of it, and properties that any decoder has."""

from typing import Any

import numpy as np
import pytest
import torch

from sterna.decoder.shape import MATRICES, DecoderShape
from sterna_models import row_quantizer
from sterna_models.decoder import Decoder, TernaryLinear
from sterna_models.decoder_files import checkpoint_of, decoder_of

from .decoder_reference import NUDGE, reference_logits

SIZES: dict[str, Any] = dict(
    layers=2,
    hidden=48,
    feed_forward=80,
    heads=4,
    kv_heads=2,
    head_size=32,
    vocabulary=19,
    context=24,
)
SHAPES = {
    "silu": DecoderShape(**SIZES),
    "squared_relu": DecoderShape(**{**SIZES, "activation": "squared_relu", "kv_heads": 4}),
    "tied": DecoderShape(**{**SIZES, "tied": True, "heads": 3, "kv_heads": 1, "head_size": 48}),
    "slow_turns": DecoderShape(**{**SIZES, "rope_base": 500000.0}),
}


def make(shape: DecoderShape, seed: int, statistic: str = "mean") -> Decoder:
    torch.manual_seed(seed)
    decoder = Decoder(shape, statistic).eval()
    with torch.no_grad():  # gains that differ, so that a swapped one is seen
        for parameter in decoder.parameters():
            if parameter.ndim == 1:
                parameter.copy_(torch.empty_like(parameter).uniform_(0.5, 1.5))
    return decoder


def some_tokens(shape: DecoderShape, seed: int, rows: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(shape.vocabulary, (rows, shape.context), generator=generator)


@pytest.mark.parametrize("quantised", [False, True], ids=["float", "quantised"])
@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
@pytest.mark.parametrize("name", SHAPES)
def test_equals_the_numpy_telling(name, seed, quantised, monkeypatch):
    monkeypatch.setattr(row_quantizer, "round_through", lambda values: (values * NUDGE).round())
    decoder = make(SHAPES[name], seed)
    tokens = some_tokens(decoder.shape, seed)
    checkpoint = checkpoint_of(decoder)
    expected = reference_logits(checkpoint, tokens[0].tolist(), quantised)
    # Both in float64: the order of sums differs, and scales were computed in float32 by one side.
    decoder = decoder_of(checkpoint).double()
    decoder.matmul_dtype = torch.float64
    found = decoder(tokens, quantised)[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
def test_float32_is_close_to_float64(seed):
    decoder = make(SHAPES["silu"], seed)
    tokens = some_tokens(decoder.shape, seed)
    found = decoder.float_logits(tokens)[0].numpy()
    expected = reference_logits(checkpoint_of(decoder), tokens[0].tolist(), quantised=False)
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")
def test_later_tokens_change_nothing_before_them(seed):
    decoder = make(SHAPES["silu"], seed)
    tokens = some_tokens(decoder.shape, seed)
    changed = tokens.clone()
    changed[0, 15:] = (changed[0, 15:] + 1) % decoder.shape.vocabulary
    one, two = decoder.quantised_logits(tokens), decoder.quantised_logits(changed)
    assert torch.equal(one[:, :15], two[:, :15])
    assert not torch.equal(one[:, 15:], two[:, 15:])


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_weights_follow_bitnets_rule(statistic):
    torch.manual_seed(3)
    linear = TernaryLinear(40, 25, statistic)
    trits, scale = linear.trits()
    magnitudes = linear.weight.detach().abs()
    expected = magnitudes.mean() if statistic == "mean" else magnitudes.flatten().median()
    torch.testing.assert_close(scale, expected)
    assert torch.equal(trits, (linear.weight / scale).round().clamp(-1, 1))


def test_refuses_another_statistic():
    with pytest.raises(ValueError, match="Statistic must be one of mean, median, not 'mode'"):
        TernaryLinear(16, 16, "mode")


def test_every_weight_learns():
    decoder = make(SHAPES["silu"], 5).train()
    tokens = some_tokens(decoder.shape, 5, rows=3)
    decoder(tokens)[:, :-1].gather(2, tokens[:, 1:, None]).sum().backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_bfloat16_sums_are_close():
    decoder = make(SHAPES["silu"], 6)
    tokens = some_tokens(decoder.shape, 6)
    exact = decoder.quantised_logits(tokens)
    decoder.matmul_dtype = torch.bfloat16
    assert (decoder.quantised_logits(tokens) - exact).abs().median() < 0.05 * exact.abs().max()


def test_refuses_more_tokens_than_the_context():
    decoder = make(SHAPES["silu"], 0)
    with pytest.raises(ValueError, match="Tokens must be at most 24, not 25 in a row"):
        decoder(torch.zeros(1, 25, dtype=torch.int64))


def test_parameters_are_those_of_the_shape():
    shape = SHAPES["silu"]
    matrices = sum(
        parameter.numel()
        for name, parameter in make(shape, 0).named_parameters()
        if name.split(".")[-2:-1] and name.split(".")[-2] in MATRICES
    )
    assert matrices == shape.ternary_count
