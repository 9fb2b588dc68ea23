"""The memory image of a decoder: the bytes that a board's memory holds before the first token.

One file for each memory port, since a word of the stream is read from all ports at once and port p
holds bytes 16p to 16p+15 of every word. Sections and their order are `DecoderLayout`'s; matrices
are arranged by the engine and packed by its stream of trits. Contents are made and written
section by section, layer by layer, so that a model of a gigabyte needs little memory.

The header of every port carries a hash of the whole image with its memory map, and the number of
the port. The accelerator compares them with its own before each run, so that it answers to no other
image, and to no other order of ports. That the rest of a file is what was hashed is for whoever
puts it into memory to see: `image_files` checks sizes and digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sterna_hw.decoder.token_matmul import TokenMatmulConfig
from sterna_hw.trit_stream import TritStreamConfig

from .image_files import ImageFile, WrittenImage, port_file
from .integers import SCALED, DecoderIntegers, LayerIntegers
from .layout import CONSTANT_BYTES, MAGIC, STREAM_MATRICES, VERSION, DecoderLayout
from .scale import Scale

__all__ = [
    "constants_bytes",
    "engine_matrix",
    "header_word",
    "image_hash",
    "image_rows",
    "write_image",
]


def image_hash(
    model: DecoderIntegers,
    layout: DecoderLayout,
    engine: TokenMatmulConfig,
    stream: TritStreamConfig,
) -> int:
    """The 32 bits that name an image: of all its contents on all ports, of the memory map, and of
    the shifts that a design has built in. What `write_image` puts into the header, without writing.
    """
    digest = hashlib.sha256(_map_text(model, layout))
    for words in _contents(model, layout, engine, stream):
        digest.update(words.tobytes())
    return _first_bits(digest.digest())


def header_word(hash_bits: int, ports: int) -> np.ndarray:
    """The first word of an image, as bytes ``[1, ports, 16]``."""
    entries = [[MAGIC, VERSION, hash_bits, port] for port in range(ports)]
    return np.array(entries, dtype="<u4").view(np.uint8).reshape(1, ports, 16)


def constants_bytes(layer: LayerIntegers) -> bytes:
    """The constants of a layer: entries of mantissa and exponent in the order of `SCALED`."""
    entries = np.zeros((CONSTANT_BYTES // 4, 2), dtype="<i4")
    for place, name in enumerate(SCALED):
        scale: Scale = layer.constants[name]
        entries[place] = scale.mantissa, scale.exponent
    return entries.astype("<u2").tobytes()


def engine_matrix(layer: LayerIntegers, name: str, queries: int) -> np.ndarray:
    """One of `STREAM_MATRICES` as the engine sees it: q, v and k one after another, each padded to
    whole blocks of outputs; gate and up row by row."""
    if name == "gate_up":
        gate, up = layer.matrices["gate"], layer.matrices["up"]
        return np.stack((gate, up), axis=1).reshape(2 * len(gate), -1)
    parts = []
    for part in STREAM_MATRICES[name]:
        matrix = layer.matrices[part]
        parts.append(np.pad(matrix, ((0, -len(matrix) % queries), (0, 0))))
    return np.concatenate(parts)


def write_image(
    model: DecoderIntegers,
    layout: DecoderLayout,
    engine: TokenMatmulConfig,
    stream: TritStreamConfig,
    folder: Path,
) -> WrittenImage:
    """Write the files of all ports.

    Parameters
    ----------
    model, layout
        What, and where it lies.
    engine, stream
        The engine, which knows how its tables group the inputs, and its stream of weights, which
        packs them.
    folder : :class:`pathlib.Path`
        Exists; gets one file for each port.
    """
    paths = [port_file(folder, port) for port in range(layout.ports)]
    files: list[BinaryIO] = [path.open("wb") for path in paths]
    digest = hashlib.sha256(_map_text(model, layout))

    def write(words: np.ndarray) -> None:
        for port, file in enumerate(files):
            file.write(np.ascontiguousarray(words[:, port]).tobytes())

    try:
        # The header is known last and stands first.
        write(header_word(0, layout.ports))
        for words in _contents(model, layout, engine, stream):
            digest.update(words.tobytes())
            write(words)
        for file in files:
            file.seek(0)
        hash_bits = _first_bits(digest.digest())
        write(header_word(hash_bits, layout.ports))
    finally:
        for file in files:
            file.close()
    for path in paths:
        if path.stat().st_size != layout.image_bytes:
            raise AssertionError(f"{path.name} has {path.stat().st_size} bytes, not as laid out")
    return WrittenImage(hash_bits, tuple(ImageFile.of(path) for path in paths))


def image_rows(
    model: DecoderIntegers,
    layout: DecoderLayout,
    engine: TokenMatmulConfig,
    stream: TritStreamConfig,
) -> tuple[int, list[list[int]]]:
    """The image's hash, and the same contents as numbers of 128 bits, for each port, as memories on
    the chip hold them; whole in Python's memory, so only for models that fit a chip."""
    contents = np.concatenate(list(_contents(model, layout, engine, stream)))
    digest = hashlib.sha256(_map_text(model, layout))
    digest.update(contents.tobytes())
    hash_bits = _first_bits(digest.digest())
    words = np.concatenate((header_word(hash_bits, layout.ports), contents))
    return hash_bits, [
        [int.from_bytes(row.tobytes(), "little") for row in words[:, port]]
        for port in range(layout.ports)
    ]


def _map_text(model: DecoderIntegers, layout: DecoderLayout) -> bytes:
    """What the hash is of beside the contents: the memory map, and the design's shifts."""
    host_only = ("name", "end_of_text")
    fields = asdict(layout.shape).items()
    shape = {name: value for name, value in fields if name not in host_only}
    engine = [layout.ports, layout.block_inputs, layout.queries]
    sections = {name: asdict(section) for name, section in layout.sections.items()}
    shifts = [model.embedding_shift, model.gate_shift]
    return json.dumps([VERSION, shape, engine, sections, shifts]).encode()


def _first_bits(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "little")


def _contents(
    model: DecoderIntegers,
    layout: DecoderLayout,
    engine: TokenMatmulConfig,
    stream: TritStreamConfig,
) -> Iterator[np.ndarray]:
    """All that follows the header, in order, as arrays of bytes [words, ports, 16]."""
    shape = model.shape

    def whole(content: bytes) -> np.ndarray:
        padded = content + bytes(-len(content) % layout.word_bytes)
        return np.frombuffer(padded, dtype=np.uint8).reshape(-1, layout.ports, 16)

    for number in range(shape.layers):
        layer = model.layer(number)
        for name, _ in layout.layer_items:
            if name == "constants":
                yield whole(constants_bytes(layer))
            elif name in STREAM_MATRICES:
                matrix = engine_matrix(layer, name, layout.queries)
                yield whole(bytes(stream.pack_matrix(engine.arrange(matrix))))
            else:
                yield whole(layer.gains[name].astype("<i2").tobytes())
    yield whole(model.final_gains.astype("<i2").tobytes())
    rows = np.zeros(
        (-(-shape.vocabulary // layout.ports) * layout.ports, layout.head_row_words * 16), np.int8
    )
    rows[: shape.vocabulary, : shape.hidden] = model.head
    # [slot, port, words, 16] to [slot, words, port, 16]
    slots = rows.view(np.uint8).reshape(-1, layout.ports, layout.head_row_words, 16)
    yield slots.transpose(0, 2, 1, 3).reshape(-1, layout.ports, 16)
    yield _rows(model.embedding, layout.embedding_row_words, layout)
    rotations = model.rotations.reshape(shape.context, -1)
    yield _rows(rotations, layout.rotation_row_words, layout)


def _rows(table: np.ndarray, row_words: int, layout: DecoderLayout) -> np.ndarray:
    """Rows of int16, each padded to its words."""
    elements = row_words * layout.word_bytes // 2
    padded = np.zeros((len(table), elements), dtype="<i2")
    padded[:, : table.shape[1]] = table
    return padded.view(np.uint8).reshape(-1, layout.ports, 16)
