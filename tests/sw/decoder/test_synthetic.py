"""Synthetic checkpoints: seeded, lazily made, labelled, and of ordinary size."""

from __future__ import annotations

import numpy as np
import pytest

from sterna.decoder.shape import BITNET_0B7, DecoderShape
from sterna.decoder.synthetic import synthetic_checkpoint

SHAPE = DecoderShape(
    layers=3,
    hidden=256,
    feed_forward=480,
    heads=6,
    kv_heads=3,
    head_size=48,
    vocabulary=101,
    context=32,
)


@pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")
def test_seed_fixes_everything(seed):
    one, two = (synthetic_checkpoint(SHAPE, seed) for _ in range(2))
    other = synthetic_checkpoint(SHAPE, seed + 1)
    assert one.synthetic
    for number in range(SHAPE.layers):
        first = one.layer(number).matrices["down"]
        assert np.array_equal(first, one.layer(number).matrices["down"])
        assert np.array_equal(first, two.layer(number).matrices["down"])
        assert not np.array_equal(first, other.layer(number).matrices["down"])
    assert np.array_equal(one.embedding, two.embedding)
    assert not np.array_equal(one.layer(0).matrices["q"], one.layer(1).matrices["q"])


def test_first_layers_are_those_of_the_whole_model():
    whole, part = synthetic_checkpoint(SHAPE, 4), synthetic_checkpoint(SHAPE, 4, layers=2)
    assert part.shape.layers == 2
    for number in range(2):
        one, two = whole.layer(number), part.layer(number)
        assert one.scales == two.scales
        assert all(np.array_equal(one.matrices[name], two.matrices[name]) for name in one.matrices)
    assert np.array_equal(whole.head, part.head)


@pytest.mark.parametrize("layers", [0, 4])
def test_refuses_more_layers_than_the_shape_has(layers):
    with pytest.raises(ValueError, match=f"Layers must be from 1 to 3, not {layers}"):
        synthetic_checkpoint(SHAPE, 0, layers=layers)


def test_outputs_are_as_large_as_inputs():
    layer = synthetic_checkpoint(SHAPE, 9).layer(1)
    inputs = np.random.default_rng(1).standard_normal((SHAPE.hidden, 64))
    for name in ("q", "gate"):
        outputs = layer.matrices[name] @ inputs * layer.scales[name]
        assert 0.8 < outputs.std() < 1.25


def test_one_layer_of_the_largest_size_is_made_alone():
    layer = synthetic_checkpoint(BITNET_0B7, 1).layer(23)
    assert sum(matrix.size for matrix in layer.matrices.values()) == BITNET_0B7.layer_ternary_count
    assert set(np.unique(layer.matrices["gate"])) == {-1, 0, 1}
    assert all(matrix.dtype == np.int8 for matrix in layer.matrices.values())
