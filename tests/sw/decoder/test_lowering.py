"""From checkpoints to integers: the golden decoder is near the real network that was lowered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sterna.decoder.checkpoint import DecoderCheckpoint, LayerWeights
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.lowering import lower_decoder
from sterna.decoder.synthetic import synthetic_checkpoint

from .random_decoder import TINY

seeds = pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")


def _norm(x: np.ndarray, gains: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True)) * gains


def _real_logits(checkpoint: DecoderCheckpoint, tokens: list[int]) -> np.ndarray:
    """The float network, without any quantiser of activations."""
    shape = checkpoint.shape
    positions = np.arange(len(tokens))[:, np.newaxis]
    angles = positions * shape.rope_base ** (-2 * np.arange(shape.head_size // 2) / shape.head_size)
    turn = np.exp(1j * angles)[:, np.newaxis]

    def linear(rows: np.ndarray, weights: LayerWeights, name: str) -> np.ndarray:
        return rows @ weights.matrices[name].T.astype(float) * weights.scales[name]

    def heads(rows: np.ndarray) -> np.ndarray:
        return rows.reshape(len(rows), -1, shape.head_size)

    def rotate(rows: np.ndarray) -> np.ndarray:
        split = heads(rows)
        turned = (split[..., 0::2] + 1j * split[..., 1::2]) * turn
        return np.stack((turned.real, turned.imag), axis=-1).reshape(split.shape)

    x = checkpoint.embedding[tokens] * 2.0**-checkpoint.embedding_exponent
    for number in range(shape.layers):
        weights = checkpoint.layer(number)
        h = _norm(x, weights.norms["attention_norm"])
        q, k = (rotate(linear(h, weights, name)) for name in ("q", "k"))
        v = heads(linear(h, weights, "v"))
        scores = np.einsum("thd,jhd->htj", q, np.repeat(k, shape.group, axis=1))
        scores = scores / np.sqrt(shape.head_size)
        scores[:, np.triu(np.ones((len(x), len(x)), bool), 1)] = -np.inf
        share = np.exp(scores - scores.max(axis=2, keepdims=True))
        share /= share.sum(axis=2, keepdims=True)
        attended = np.einsum("htj,jhd->thd", share, np.repeat(v, shape.group, axis=1))
        attended = attended.reshape(len(x), -1)
        x = x + linear(_norm(attended, weights.norms["attention_sub_norm"]), weights, "o")
        h = _norm(x, weights.norms["feed_forward_norm"])
        gate, up = linear(h, weights, "gate"), linear(h, weights, "up")
        is_silu = shape.activation == "silu"
        active = gate / (1 + np.exp(-gate)) if is_silu else np.maximum(gate, 0) ** 2
        x = x + linear(_norm(active * up, weights.norms["feed_forward_sub_norm"]), weights, "down")
    return _norm(x, checkpoint.final_norm) @ checkpoint.head.T * checkpoint.head_scale


@seeds
@pytest.mark.parametrize("activation", ["silu", "squared_relu"])
def test_near_the_real_network(seed: int, activation: str) -> None:
    shape = replace(TINY, activation=activation)
    checkpoint = synthetic_checkpoint(shape, seed)
    tokens = np.random.default_rng(seed).integers(0, shape.vocabulary, 12).tolist()
    decoder = GoldenDecoder(lower_decoder(checkpoint))
    logits = decoder.run(tokens, all_logits=True)
    scale = decoder.final_scale
    real = scale.mantissa * 2.0**scale.exponent * decoder.model.head_constant.real
    got = logits * real[:, np.newaxis]
    expected = _real_logits(checkpoint, tokens)
    error = np.sqrt(((got - expected) ** 2).mean() / (expected**2).mean())
    # Real logits, scale and all: what int8 activations take away is a few percent.
    assert error < 0.12


def test_gains_keep_their_zeros_and_signs() -> None:
    checkpoint = synthetic_checkpoint(TINY, 1)

    def layer(number: int) -> LayerWeights:
        weights = checkpoint.layer(number)
        gains = np.linspace(-1, 1, TINY.hidden).astype(np.float32)
        gains[7] = 0
        return replace(weights, norms={**weights.norms, "attention_norm": gains})

    lowered = lower_decoder(replace(checkpoint, make_layer=layer)).layer(0)
    gains = lowered.gains["attention_norm"]
    assert gains[7] == 0 and gains[0] < 0 < gains[-1]
    assert 1 << 14 <= np.abs(gains).max() <= 32767


def test_infinite_gains_are_refused() -> None:
    checkpoint = synthetic_checkpoint(TINY, 1)
    edges = replace(checkpoint.edges, final_norm=np.full(TINY.hidden, np.inf, np.float32))
    with pytest.raises(ValueError, match="Gains of final_norm must be finite"):
        lower_decoder(replace(checkpoint, make_edges=lambda: edges))
