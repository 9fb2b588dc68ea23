"""Shapes of decoders: sizes that follow, JSON and back, and what each field refuses."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from sterna.decoder.shape import BITNET_0B7, BITNET_2B4T, MATRICES, DecoderShape

GOOD: dict[str, Any] = dict(
    layers=2,
    hidden=48,
    feed_forward=80,
    heads=6,
    kv_heads=3,
    head_size=48,
    vocabulary=13,
    context=20,
)


def test_sizes_follow():
    shape = DecoderShape(**GOOD)
    assert (shape.query_size, shape.kv_size, shape.group) == (288, 144, 2)
    assert tuple(shape.matrix_sizes) == MATRICES
    assert shape.matrix_sizes["o"] == (48, 288)
    assert shape.matrix_sizes["v"] == (144, 48)
    assert shape.norm_sizes["attention_sub_norm"] == 288
    assert shape.layer_ternary_count == 2 * 48 * (288 + 144) + 3 * 48 * 80


def test_named_shapes_have_the_published_sizes():
    assert BITNET_0B7.ternary_count == 679_477_248
    assert BITNET_2B4T.ternary_count == 2_084_044_800
    assert BITNET_2B4T.group == 4


ENDING = DecoderShape(**GOOD, end_of_text=12)


@pytest.mark.parametrize("shape", [DecoderShape(**GOOD), ENDING, BITNET_0B7, BITNET_2B4T])
def test_json_and_back(shape):
    assert DecoderShape.from_json(shape.to_json()) == shape
    assert ("end_of_text" in shape.to_json()) == (shape is ENDING)


REFUSED = [
    ("layers", 0, "Layers must be 1 or more, not 0"),
    ("layers", 2.0, "Layers must be of type int, not 2.0"),
    ("layers", True, "Layers must be of type int, not True"),
    ("hidden", 40, "Hidden must be a positive multiple of 16, not 40"),
    ("feed_forward", 0, "Feed forward must be a positive multiple of 16, not 0"),
    ("heads", 7, "Heads must be a multiple of the 3 kv heads, not 7"),
    ("kv_heads", -1, "Kv heads must be 1 or more, not -1"),
    ("head_size", 16, "Head size must be a multiple of 16 from 32 to 128, not 16"),
    ("head_size", 40, "Head size must be a multiple of 16 from 32 to 128, not 40"),
    ("head_size", 144, "Head size must be a multiple of 16 from 32 to 128, not 144"),
    ("vocabulary", 1, "Vocabulary must be 2 or more, not 1"),
    ("context", 0, "Context must be 1 or more, not 0"),
    ("activation", "relu", "Activation must be one of silu, squared_relu, not 'relu'"),
    ("rope_base", 1.0, "Rope base must be a finite number above 1, not 1.0"),
    ("rope_base", float("nan"), "Rope base must be a finite number above 1, not nan"),
    ("tied", 1, "Tied must be of type bool, not 1"),
    ("end_of_text", 13, "End of text must be a token, 0 to 12, not 13"),
    ("end_of_text", "x", "End of text must be of type int | None, not 'x'"),
    ("name", "", "Name must be one line of text, not ''"),
]


@pytest.mark.parametrize(("field", "value", "message"), REFUSED)
def test_refuses(field, value, message):
    with pytest.raises(ValueError) as error:
        DecoderShape(**{**GOOD, field: value})
    assert str(error.value) == message


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"layers": 2}'])
def test_refuses_other_json(text):
    with pytest.raises(ValueError, match="must be"):
        DecoderShape.from_json(text)


def test_refuses_json_of_a_bad_shape():
    content = {**asdict(DecoderShape(**GOOD)), "hidden": 47}
    with pytest.raises(ValueError, match="Hidden must be a positive multiple of 16, not 47"):
        DecoderShape.from_json(json.dumps(content))
