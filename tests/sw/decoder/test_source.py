"""Where decoders come from, and that a build can keep and restore them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sterna.decoder.checkpoint import DecoderCheckpoint
from sterna.decoder.shape import BITNET_0B7
from sterna.decoder.source import DecoderSource, find_decoder
from sterna.decoder.synthetic import synthetic_checkpoint

from .random_decoder import TINY


def _same(one: DecoderCheckpoint, other: DecoderCheckpoint) -> bool:
    pairs = zip(one.layer(1).matrices.values(), other.layer(1).matrices.values())
    return one.shape == other.shape and all(np.array_equal(*pair) for pair in pairs)


def test_named_shapes() -> None:
    source = find_decoder("synthetic:bitnet-0.7b", seed=3, layers=2)
    assert source is not None and source.shape == BITNET_0B7
    assert source.checkpoint.shape.layers == 2 and source.checkpoint.synthetic
    assert source.characters is None
    tiny = find_decoder("synthetic:tiny")
    assert tiny is not None and tiny.checkpoint.shape.ternary_count == 294_912


def test_a_shape_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "shape.json"
    path.write_text(TINY.to_json())
    source = find_decoder(f"synthetic:{path}", seed=4)
    assert source is not None and _same(source.checkpoint, synthetic_checkpoint(TINY, 4))


def test_real_weights_are_kept(tmp_path: Path) -> None:
    synthetic_checkpoint(TINY, 7).write(tmp_path / "model")
    characters = '["' + '", "'.join(chr(65 + number) for number in range(37)) + '"]'
    (tmp_path / "model" / "characters.json").write_text(characters.replace("\\", "\\\\"))
    source = find_decoder(str(tmp_path / "model"))
    assert source is not None and source.characters is not None
    restored = DecoderSource.restore(source.keep(tmp_path / "kept"), tmp_path / "kept")
    assert _same(restored.checkpoint, source.checkpoint)
    assert restored.characters == source.characters and restored.name == "model"


def test_random_weights_are_kept(tmp_path: Path) -> None:
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=9, layers=2)
    restored = DecoderSource.restore(source.keep(tmp_path / "kept"), tmp_path / "kept")
    assert restored == source and _same(restored.checkpoint, source.checkpoint)


def test_something_else(tmp_path: Path) -> None:
    assert find_decoder("network.onnx") is None
    assert find_decoder(str(tmp_path)) is None


def test_unknown_shape() -> None:
    with pytest.raises(ValueError, match=r"Shape must be one of bitnet-0.7b, .*, not 'gpt'"):
        find_decoder("synthetic:gpt")


def test_layers_of_real_weights(tmp_path: Path) -> None:
    synthetic_checkpoint(TINY, 7).write(tmp_path / "model")
    with pytest.raises(ValueError, match="Layers must be left out"):
        find_decoder(str(tmp_path / "model"), layers=1)
