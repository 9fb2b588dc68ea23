"""What a decoder writes is what its quantisers give, and reads back as the same decoder."""

import json

import numpy as np
import pytest
import torch

from sterna.decoder.checkpoint import DecoderCheckpoint
from sterna.decoder.synthetic import synthetic_checkpoint
from sterna_models.decoder import DecoderLayer
from sterna_models.decoder_files import checkpoint_of, decoder_of, export, load

from .decoder_reference import reference_logits
from .test_decoder import SHAPES, make, some_tokens


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("name", SHAPES)
def test_logits_are_the_same_from_the_files(name, statistic, tmp_path):
    decoder = make(SHAPES[name], 7, statistic)
    export(decoder, tmp_path)
    found = load(tmp_path)
    tokens = some_tokens(decoder.shape, 7, rows=3)
    for kind in ("float_logits", "quantised_logits"):
        one, two = getattr(decoder, kind)(tokens), getattr(found, kind)(tokens)
        # The same float32 arithmetic; only the head's step may differ in its last bit.
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)


def test_numpy_reader_and_torch_reader_agree(tmp_path):
    decoder = make(SHAPES["silu"], 8)
    export(decoder, tmp_path)
    tokens = some_tokens(decoder.shape, 8)
    expected = reference_logits(DecoderCheckpoint.read(tmp_path), tokens[0].tolist(), False)
    found = load(tmp_path).float_logits(tokens)[0].numpy()
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


def test_weights_are_the_integers_of_brevitas():
    decoder = make(SHAPES["silu"], 9)
    checkpoint = checkpoint_of(decoder)
    for number, layer in enumerate(decoder.layers):
        assert isinstance(layer, DecoderLayer)
        weights = checkpoint.layer(number)
        for name in weights.matrices:
            module = getattr(layer, name)
            assert np.array_equal(weights.matrices[name], module.quant_weight().int().numpy())
            assert weights.scales[name] == module.quant_weight().scale.item()
    assert checkpoint.embedding.dtype == np.int16
    assert 2**14 <= np.abs(checkpoint.embedding.astype(int)).max() < 2**15
    assert np.abs(checkpoint.head.astype(int)).max() == 127


@pytest.mark.parametrize("name", SHAPES)
def test_synthetic_checkpoints_run_in_torch_and_stay_of_ordinary_size(name):
    checkpoint = synthetic_checkpoint(SHAPES[name], 2)
    logits = decoder_of(checkpoint).quantised_logits(some_tokens(checkpoint.shape, 2, rows=2))
    assert torch.isfinite(logits).all()
    assert 0.1 < logits.std() < 10 * checkpoint.shape.hidden**0.5


def test_a_round_trip_changes_no_weight():
    original = synthetic_checkpoint(SHAPES["silu"], 3)
    again = checkpoint_of(decoder_of(original))
    finer = again.embedding_exponent - original.embedding_exponent
    assert np.array_equal(original.embedding * 2**finer, again.embedding)
    assert np.array_equal(original.head, again.head)
    for number in range(original.shape.layers):
        one, two = original.layer(number), again.layer(number)
        assert one.scales == two.scales
        assert all(np.array_equal(one.matrices[name], two.matrices[name]) for name in one.matrices)


def test_characters_are_written_beside(tmp_path):
    decoder = make(SHAPES["silu"], 1)
    export(decoder, tmp_path, "abcdefghijklmnopqrs")
    assert json.loads((tmp_path / "characters.json").read_text())[:3] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="Characters must be as many as the 19 tokens, not 2"):
        export(decoder, tmp_path, "ab")
