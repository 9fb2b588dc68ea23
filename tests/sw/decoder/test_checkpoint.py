"""A checkpoint written and read again is the same; whatever is damaged is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sterna.decoder.checkpoint import SHAPE_FILE, WEIGHTS_FILE, DecoderCheckpoint, tied_head
from sterna.decoder.shape import DecoderShape
from sterna.decoder.synthetic import synthetic_checkpoint

SIZES: dict[str, Any] = dict(
    layers=2, hidden=48, feed_forward=80, heads=2, kv_heads=1, head_size=32
)


def _shape(tied: bool) -> DecoderShape:
    return DecoderShape(**SIZES, vocabulary=13, context=20, tied=tied, name="toy")


@pytest.fixture(params=[False, True], ids=["untied", "tied"])
def original(request):
    return synthetic_checkpoint(_shape(request.param), seed=5)


@pytest.fixture
def folder(original, tmp_path):
    original.write(tmp_path)
    return tmp_path


def test_read_gives_what_was_written(original, folder):
    found = DecoderCheckpoint.read(folder)
    assert found.shape == original.shape
    assert not found.synthetic
    for name in ("embedding", "final_norm", "head"):
        expected, value = getattr(original, name), getattr(found, name)
        assert value.dtype == expected.dtype
        assert np.array_equal(value, expected)
    assert found.embedding_exponent == original.embedding_exponent
    assert found.head_scale == original.head_scale
    for number in range(original.shape.layers):
        expected, value = original.layer(number), found.layer(number)
        assert value.scales == expected.scales
        for kind in ("matrices", "norms"):
            for name, array in getattr(expected, kind).items():
                assert getattr(value, kind)[name].dtype == array.dtype
                assert np.array_equal(getattr(value, kind)[name], array)


def test_file_is_five_trits_a_byte(folder):
    shape = DecoderCheckpoint.read(folder).shape
    tensors = load_file(folder / WEIGHTS_FILE)
    packed = sum(value.size for value in tensors.values() if value.dtype == np.uint8)
    sizes = shape.matrix_sizes.values()
    assert packed == shape.layers * sum(-(-rows * columns // 5) for rows, columns in sizes)


def _without(name):
    return lambda tensors: tensors.pop(name)


def _with(name, value):
    return lambda tensors: tensors.update({name: value})


DAMAGES = {
    "missing": (_without("layers.1.gate"), "must hold the tensor layers.1.gate, which"),
    "extra": (_with("layers.2.q", np.zeros(1, np.uint8)), "no other tensors, not layers.2.q"),
    "size": (_with("final_norm", np.ones(47, np.float32)), r"float32 \(48,\), not float32 \(47,\)"),
    "type": (_with("embedding", np.ones((13, 48), np.int32)), "must be int16 .* not int32"),
    "infinite": (_with("layers.0.q.scale", np.array(np.inf, np.float32)), "must be finite"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_refuses_other_tensors(folder, name):
    damage, message = DAMAGES[name]
    tensors = load_file(folder / WEIGHTS_FILE)
    damage(tensors)
    save_file(tensors, folder / WEIGHTS_FILE)
    with pytest.raises(ValueError, match=message):
        DecoderCheckpoint.read(folder)


def test_refuses_bytes_that_are_no_trits(folder):
    tensors = load_file(folder / WEIGHTS_FILE)
    tensors["layers.1.down"][3] = 243
    save_file(tensors, folder / WEIGHTS_FILE)
    found = DecoderCheckpoint.read(folder)
    with pytest.raises(ValueError, match="must be at most 242, not 243"):
        found.layer(1)


@pytest.mark.parametrize("file", [SHAPE_FILE, WEIGHTS_FILE])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "binary"])
def test_refuses_damaged_files(folder, file, damage):
    path = folder / file
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        new = {"empty": b"", "truncated": content[: len(content) // 2], "binary": b"\xff" * 64}
        path.write_bytes(new[damage])
    with pytest.raises(ValueError, match="must be") as error:
        DecoderCheckpoint.read(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [-1, 2])
def test_refuses_layers_it_lacks(original, number):
    with pytest.raises(ValueError, match=f"Layer must be from 0 to 1, not {number}"):
        original.layer(number)


def test_tied_head_rounds_half_to_even():
    codes, scale = tied_head(np.array([[254, 1, 3, -5, 0]], np.int16), 1)
    assert codes.tolist() == [[127, 0, 2, -2, 0]]
    assert scale == 1.0
