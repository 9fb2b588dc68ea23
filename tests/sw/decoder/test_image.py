"""The memory image: sections where the layout says, contents as the accelerator reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sterna.decoder.image import engine_matrix, model_hash, write_image
from sterna.decoder.integers import SCALED, DecoderIntegers
from sterna.decoder.layout import MAGIC, VERSION, DecoderLayout
from sterna_hw.decoder.token_matmul import TokenMatmulConfig
from sterna_hw.trit_stream import TritStreamConfig
from sterna_hw.trits import unpack_trits

from .random_decoder import TINY, random_decoder

SHAPES = {
    "tiny": TINY,
    "odd": replace(TINY, vocabulary=41, hidden=80, feed_forward=112, head_size=48, context=10),
}
CASES = [
    pytest.param(name, ports, tables, queries, id=f"{name}-{ports}ports")
    for name, ports, tables, queries in (
        ("tiny", 1, 8, 4),
        ("odd", 2, 16, 4),
        ("tiny", 3, 16, 8),
        ("odd", 4, 16, 8),
    )
]


def _engine(stream: TritStreamConfig) -> TokenMatmulConfig:
    return TokenMatmulConfig(2, stream.queries, stream.tables, 256, 512)


def _words(
    model: DecoderIntegers, layout: DecoderLayout, stream: TritStreamConfig, folder: Path
) -> np.ndarray:
    """The image as words: uint8 [words, word bytes]."""
    paths = write_image(model, layout, _engine(stream), stream, folder)
    ports = [np.fromfile(path, dtype=np.uint8).reshape(-1, 16) for path in paths]
    return np.concatenate(ports, axis=1)


@pytest.mark.parametrize(("name", "ports", "tables", "queries"), CASES)
def test_sections(name: str, ports: int, tables: int, queries: int, tmp_path: Path) -> None:
    shape = SHAPES[name]
    model = random_decoder(shape, 5)
    stream = TritStreamConfig(16 * ports, 3, tables, queries)
    layout = DecoderLayout(shape, ports, 3 * tables, queries)
    words = _words(model, layout, stream, tmp_path)

    def section(which: str) -> np.ndarray:
        found = layout.sections[which]
        return words[found.address // 16 :][: found.words]

    header = section("header").ravel()[:12].view("<u4")
    assert header.tolist() == [MAGIC, VERSION, model_hash(model)]
    place = 0
    for number in range(shape.layers):
        layer = model.layer(number)
        for item, count in layout.layer_items:
            content = section("stream")[place : place + count].ravel()
            place += count
            if item == "constants":
                entries = content[:32].reshape(8, 4)
                for entry, constant in zip(entries, SCALED):
                    assert entry[:2].view("<u2")[0] == layer.constants[constant].mantissa
                    assert entry[2:].view("<i2")[0] == layer.constants[constant].exponent
            elif item in layer.gains:
                gains = content.view("<i2")
                assert np.array_equal(gains[: len(layer.gains[item])], layer.gains[item])
            else:
                matrix = engine_matrix(layer, item, queries)
                indices = stream.compute(content.tobytes())
                assert np.array_equal(indices, _engine(stream).pack(matrix))
                assert len(indices) == layout.input_blocks(item) * layout.output_blocks(item)
                counts = np.bincount(unpack_trits(content, 5 * len(content)) + 1, minlength=3)
                assert counts[0] == (matrix == -1).sum() and counts[2] == (matrix == 1).sum()
    final = section("stream")[place:].ravel().view("<i2")
    assert np.array_equal(final[: shape.hidden], model.final_gains)

    head = section("head").view(np.int8).reshape(-1, layout.head_row_words, ports, 16)
    for row in (0, 1, shape.vocabulary - 1):
        codes = head[row // ports, :, row % ports].ravel()
        assert np.array_equal(codes[: shape.hidden], model.head[row])
    embedding = section("embedding").view("<i2").reshape(shape.vocabulary, -1)
    assert np.array_equal(embedding[:, : shape.hidden], model.embedding)
    rotations = section("rotations").view("<i2").reshape(shape.context, -1)
    assert np.array_equal(
        rotations[:, : shape.head_size], model.rotations.reshape(shape.context, -1)
    )


def test_hash_names_the_model() -> None:
    models = [random_decoder(TINY, seed) for seed in (1, 2)]
    hashes = [model_hash(model) for model in (*models, models[0], replace(models[0], gate_shift=9))]
    assert hashes[0] == hashes[2] and len(set(hashes)) == 3


def test_shared_matrices() -> None:
    layer = random_decoder(TINY, 0).layer(0)
    gate_up = engine_matrix(layer, "gate_up", 8)
    assert np.array_equal(gate_up[0::2], layer.matrices["gate"])
    assert np.array_equal(gate_up[1::2], layer.matrices["up"])
    qkv = engine_matrix(layer, "qkv", 24)
    assert qkv.shape == (144 + 72 + 72, TINY.hidden)
    assert np.array_equal(qkv[144 : 144 + 64], layer.matrices["v"])
    assert not qkv[128:144].any()
