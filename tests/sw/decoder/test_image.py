"""The memory image: sections where the layout says, contents as the accelerator reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sterna.decoder.image import engine_matrix, image_hash, image_rows, write_image
from sterna.decoder.image_files import ImageFile, check_files, check_headers, port_file
from sterna.decoder.integers import SCALED, DecoderIntegers, LayerIntegers
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
    written = write_image(model, layout, _engine(stream), stream, folder)
    paths = [port_file(folder, port) for port in range(layout.ports)]
    assert written.files == tuple(ImageFile.of(path) for path in paths)
    assert written.hash == image_hash(model, layout, _engine(stream), stream)
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

    hash_bits = image_hash(model, layout, _engine(stream), stream)
    header = section("header").ravel().view("<u4").reshape(ports, 4)
    assert header.tolist() == [[MAGIC, VERSION, hash_bits, port] for port in range(ports)]
    found, rows = image_rows(model, layout, _engine(stream), stream)
    assert found == hash_bits
    assert rows[-1][7] == int.from_bytes(words[7, -16:].tobytes(), "little")
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


STREAM = TritStreamConfig(32, 3, 16, 4)
LAYOUT = DecoderLayout(TINY, 2, 48, 4)


def _hash(model: DecoderIntegers, layout: DecoderLayout = LAYOUT) -> int:
    stream = TritStreamConfig(layout.word_bytes, 3, layout.block_inputs // 3, layout.queries)
    return image_hash(model, layout, _engine(stream), stream)


def _with_layer(model: DecoderIntegers, number: int, changed: LayerIntegers) -> DecoderIntegers:
    return replace(model, layer=lambda n: changed if n == number else model.layer(n))


def test_the_hash_names_all_contents() -> None:
    """The same again for the same model; another one when one weight of the last layer, a gain, a
    constant, a code of a table, a shift, or the place of anything is another."""
    model = random_decoder(TINY, 1)
    last = model.layer(TINY.layers - 1)
    down = last.matrices["down"].copy()
    down[-1, -1] = 1 - down[-1, -1] if down[-1, -1] else 1
    gains = last.gains["feed_forward_norm"].copy()
    gains[3] ^= 1
    constant = replace(last.constants["v"], exponent=last.constants["v"].exponent + 1)
    rotations = model.rotations.copy()
    rotations[-1, -1, 1] ^= 1
    number = TINY.layers - 1
    layers = (
        replace(last, matrices={**last.matrices, "down": down}),
        replace(last, gains={**last.gains, "feed_forward_norm": gains}),
        replace(last, constants={**last.constants, "v": constant}),
    )
    models = [
        model,
        *(_with_layer(model, number, layer) for layer in layers),
        replace(model, rotations=rotations),
        replace(model, gate_shift=9),
        replace(model, embedding_shift=model.embedding_shift + 1),
        random_decoder(TINY, 2),
    ]
    hashes = [_hash(each) for each in models]
    hashes += [_hash(model, replace(LAYOUT, **other)) for other in ({"ports": 1}, {"queries": 8})]
    assert len(set(hashes)) == len(hashes)
    assert _hash(random_decoder(TINY, 1)) == hashes[0]
    longer = replace(TINY, context=TINY.context + 1)
    assert _hash(random_decoder(longer, 1), replace(LAYOUT, shape=longer)) not in hashes


def _cut(folder: Path) -> None:
    path = port_file(folder, 1)
    path.write_bytes(path.read_bytes()[:-16])


def _lengthen(folder: Path) -> None:
    path = port_file(folder, 1)
    path.write_bytes(path.read_bytes() + bytes(16))


def _flip(folder: Path) -> None:
    path = port_file(folder, 1)
    content = bytearray(path.read_bytes())
    content[LAYOUT.sections["head"].address - 200] ^= 1
    path.write_bytes(content)


def _swap(folder: Path) -> None:
    port_file(folder, 0).rename(folder / "kept")
    port_file(folder, 1).rename(port_file(folder, 0))
    (folder / "kept").rename(port_file(folder, 1))


def _relayout(folder: Path) -> None:
    layout = replace(LAYOUT, queries=8)
    stream = TritStreamConfig(32, 3, 16, 8)
    write_image(random_decoder(TINY, 1), layout, _engine(stream), stream, folder)


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (lambda folder: port_file(folder, 1).unlink(), "port1.bin", "readable file"),
        (lambda folder: port_file(folder, 1).write_bytes(b""), "port1.bin", "not 0: cut off"),
        (lambda folder: port_file(folder, 0).write_bytes(bytes(1 << 16)), "port0.bin", "header"),
        (_cut, "port1.bin", "cut off"),
        (_lengthen, "port1.bin", "something was added"),
        (_flip, "port1.bin", "sha256 differs"),
        (_swap, "port0.bin", "of port 0, not of port 1"),
        (_relayout, "port0.bin", "another model, layout or build"),
    ],
)
def test_wrong_files_are_named(
    change: Callable[[Path], object], name: str, words: str, tmp_path: Path
) -> None:
    image = write_image(random_decoder(TINY, 1), LAYOUT, _engine(STREAM), STREAM, tmp_path)

    def check() -> None:
        check_headers(tmp_path, LAYOUT.ports, image.hash, LAYOUT.image_bytes)
        check_files(tmp_path, image.files)

    check()
    change(tmp_path)
    with pytest.raises(ValueError) as error:
        check()
    assert name in str(error.value) and words in str(error.value)


def test_shared_matrices() -> None:
    layer = random_decoder(TINY, 0).layer(0)
    gate_up = engine_matrix(layer, "gate_up", 8)
    assert np.array_equal(gate_up[0::2], layer.matrices["gate"])
    assert np.array_equal(gate_up[1::2], layer.matrices["up"])
    qkv = engine_matrix(layer, "qkv", 24)
    assert qkv.shape == (144 + 72 + 72, TINY.hidden)
    assert np.array_equal(qkv[144 : 144 + 64], layer.matrices["v"])
    assert not qkv[128:144].any()
