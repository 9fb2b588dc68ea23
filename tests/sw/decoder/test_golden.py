"""The golden decoder: its rules against exact fractions, and what must not change its numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from sterna.decoder import golden_arithmetic
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.golden_arithmetic import RunScale
from sterna.decoder.integers import DecoderIntegers

from .random_decoder import TINY, random_decoder

seeds = pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")


def _random_scales(rng: np.random.Generator, count: int) -> RunScale:
    mantissas = rng.integers(1 << 15, 1 << 16, count)
    mantissas[rng.random(count) < 0.05] = 0
    return RunScale(mantissas, rng.integers(-40, 10, count))


def _real(scale: RunScale, place: int) -> Fraction:
    return Fraction(int(scale.mantissa[place])) * Fraction(2) ** int(scale.exponent[place])


@seeds
def test_products_of_scales_are_truncated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = _random_scales(rng, 300), _random_scales(rng, 300)
    product = one * other
    for place in range(300):
        exact, got = _real(one, place) * _real(other, place), _real(product, place)
        if exact == 0:
            assert (product.mantissa[place], product.exponent[place]) == (0, 0)
            continue
        assert 1 << 15 <= product.mantissa[place] < 1 << 16
        assert 0 <= exact - got < Fraction(2) ** int(product.exponent[place])


@seeds
def test_apply_rounds_half_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = _random_scales(rng, 300)
    scales.exponent = np.minimum(scales.exponent, -10)
    values = rng.integers(-(1 << 23), 1 << 23, 300)
    got = golden_arithmetic.apply_scale(values, scales, 10)
    for place in range(300):
        exact = int(values[place]) * _real(scales, place) * 2**10
        assert got[place] == math.floor(exact + Fraction(1, 2))


@seeds
def test_codes_are_near_and_reach_127(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for width in (1, 3, 16, 17, 18, 30, 43):
        vectors = rng.integers(-(1 << width), (1 << width) + 1, (20, 33))
        vectors[0] = 0
        codes, scale, _ = golden_arithmetic.quantise(vectors)
        assert not codes[0].any() and scale.mantissa[0] == 0
        largest = np.abs(vectors).max(axis=1)
        for row in range(1, 20):
            exact = vectors[row] * 127 / largest[row]
            assert np.abs(codes[row] - exact).max() < 0.51
            assert np.abs(codes[row]).max() == 127
            assert abs(_real(scale, row) / int(largest[row]) - 1) < 2**-14


@seeds
def test_norm_scale(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-(1 << 20), 1 << 20, (10, 40)) >> rng.integers(0, 18, (10, 1))
    gains = rng.integers(-(1 << 15) + 1, 1 << 15, 40).astype(np.int16)
    _, scale = golden_arithmetic.norm(x, gains)
    for row in range(10):
        exact = np.abs(x[row] * gains.astype(np.int64)).max() / math.sqrt(float(x[row] @ x[row]))
        assert abs(float(_real(scale, row)) / exact - 1) < 2**-13


@seeds
def test_tokens_together_or_one_by_one(seed: int) -> None:
    tokens = np.random.default_rng(seed).integers(0, TINY.vocabulary, TINY.context).tolist()
    together, alone = (GoldenDecoder(random_decoder(TINY, seed)) for _ in range(2))
    expected = together.run(tokens, all_logits=True)
    got = np.stack([alone.run([token]) for token in tokens])
    assert np.array_equal(got, expected)
    assert len(np.unique(got)) > 100


@seeds
def test_close_to_real_numbers(seed: int) -> None:
    """A float telling of the same network, from the same constants, agrees but for rounding."""
    model = random_decoder(TINY, seed)
    tokens = np.random.default_rng(seed).integers(0, TINY.vocabulary, 12).tolist()
    logits = GoldenDecoder(model).run(tokens, all_logits=True)
    real = _float_logits(model, tokens)
    agreement = [np.corrcoef(*rows)[0, 1] for rows in zip(logits, real)]
    assert np.median(agreement) > 0.997 and min(agreement) > 0.98


def _float_logits(model: DecoderIntegers, tokens: list[int]) -> np.ndarray:
    shape = model.shape
    x = model.embedding[tokens].astype(float) * 2.0**model.embedding_shift
    turn = model.rotations[: len(tokens)].astype(float) / 2**14

    def norm(rows: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """What the constants expect: products with the gains over the root of the sum of squares,
        times 127, since a constant is worth one code."""
        return 127 * rows * gains / np.sqrt((rows**2).sum(axis=1, keepdims=True))

    def rotate(rows: np.ndarray) -> np.ndarray:
        pairs = rows.reshape(len(rows), -1, shape.head_size // 2, 2)
        cosine, sine = turn[:, None, :, 0], turn[:, None, :, 1]
        a, b = pairs[..., 0], pairs[..., 1]
        both = np.stack((a * cosine - b * sine, a * sine + b * cosine), axis=-1)
        return both.reshape(len(rows), -1, shape.head_size)

    for number in range(shape.layers):
        layer = model.layer(number)
        c = {name: scale.real for name, scale in layer.constants.items()}
        h = norm(x, layer.gains["attention_norm"])
        q = rotate(h @ layer.matrices["q"].T * c["q"] * 127)
        k = rotate(h @ layer.matrices["k"].T * c["k"] * 127)
        v = (h @ layer.matrices["v"].T * c["v"] * 127).reshape(len(x), -1, shape.head_size)
        heads = []
        for head in range(shape.heads):
            own = head // shape.group
            scores = q[:, head] @ k[:, own].T
            scores[np.triu_indices(len(x), 1)] = -np.inf
            weights = 2.0 ** (scores - scores.max(axis=1, keepdims=True))
            heads.append(weights / weights.sum(axis=1, keepdims=True) @ v[:, own])
        a = norm(np.concatenate(heads, axis=1), layer.gains["attention_sub_norm"])
        x = x + a @ layer.matrices["o"].T * c["o"]
        h = norm(x, layer.gains["feed_forward_norm"])
        gate = h @ layer.matrices["gate"].T * c["gate"]
        hidden = gate / (1 + np.exp(-gate)) * (h @ layer.matrices["up"].T)
        x = (
            x
            + norm(hidden, layer.gains["feed_forward_sub_norm"])
            @ layer.matrices["down"].T
            * c["down"]
        )
    return norm(x, model.final_gains) @ model.head.T


def test_generation_is_greedy_and_stops() -> None:
    model = random_decoder(TINY, 1)
    produced = GoldenDecoder(model).generate([1, 2, 3], 6)
    one = GoldenDecoder(model)
    logits = one.run([1, 2, 3])
    for token in produced:
        assert token == int(np.argmax(logits))
        logits = one.run([token])
    stop = produced[2]
    shorter = GoldenDecoder(model).generate([1, 2, 3], 6, stop=stop)
    assert shorter == produced[: produced.index(stop) + 1]


def test_ties_take_the_first() -> None:
    assert GoldenDecoder.next_token(np.array([1, 7, 7, 3])) == 1


def test_zero_embedding_gives_zero_logits() -> None:
    model = random_decoder(TINY, 2)
    model = replace(model, embedding=np.zeros_like(model.embedding))
    assert not GoldenDecoder(model).run([3, 4], all_logits=True).any()


@pytest.mark.parametrize("activation", ["silu", "squared_relu"])
def test_checkpoints_name_all_steps(activation: str) -> None:
    model = random_decoder(replace(TINY, activation=activation), 3)
    decoder = GoldenDecoder(model)
    decoder.run([1, 2], checkpoints=True)
    names = list(decoder.checkpoints)
    assert names[0] == "embedding" and names[-1] == "final_norm"
    assert "layers.1.hidden" in names and "layers.0.query" in names
    assert np.abs(decoder.checkpoints["layers.1.hidden"]).max() > 0


@pytest.mark.parametrize(
    ("tokens", "message"),
    [([], "one or more"), ([37], "0 to 36, not 37"), ([0] * 25, "fit the context of 24")],
)
def test_bad_tokens(tokens: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GoldenDecoder(random_decoder(TINY, 0)).run(tokens)
