"""The memory image of a decoder: the bytes that a board's memory holds before the first token.

One file for each memory port, since a word of the stream is read from all ports at once and port p
holds bytes 16p to 16p+15 of every word. Sections and their order are `DecoderLayout`'s; matrices
are arranged by the engine and packed by its stream of trits. Contents are made and written
section by section, layer by layer, so that a model of a gigabyte needs little memory. The image
carries the hash of the model in its header, which the accelerator compares with its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sterna_hw.decoder.token_matmul import TokenMatmulConfig
from sterna_hw.trit_stream import TritStreamConfig

from .integers import SCALED, DecoderIntegers, LayerIntegers
from .layout import CONSTANT_BYTES, MAGIC, STREAM_MATRICES, VERSION, DecoderLayout
from .scale import Scale

__all__ = [
    "constants_bytes",
    "engine_matrix",
    "image_rows",
    "model_hash",
    "port_file",
    "write_image",
]


def port_file(folder: Path, port: int) -> Path:
    """Where the image of a port is."""
    return folder / f"port{port}.bin"


def model_hash(model: DecoderIntegers) -> int:
    """32 bits that name a model: its shape, its constants and the contents of its first layer, head
    and embedding. Layers beyond the first are told apart by their constants only, so that hashing
    needs no pass over all weights."""
    digest = hashlib.sha256(model.shape.to_json().encode())
    digest.update(repr((model.embedding_shift, model.gate_shift, model.head_constant)).encode())
    for array in (model.embedding, model.head, model.final_gains):
        digest.update(np.ascontiguousarray(array).tobytes())
    first = model.layer(0)
    digest.update(constants_bytes(first))
    for name in sorted(first.matrices):
        digest.update(np.ascontiguousarray(first.matrices[name]).tobytes())
    return int.from_bytes(digest.digest()[:4], "little")


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
) -> list[Path]:
    """Write the files of all ports; returns their paths.

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
    try:
        for words in _words(model, layout, engine, stream):
            for port, file in enumerate(files):
                file.write(np.ascontiguousarray(words[:, port]).tobytes())
    finally:
        for file in files:
            file.close()
    for path in paths:
        if path.stat().st_size != layout.image_bytes:
            raise AssertionError(f"{path.name} has {path.stat().st_size} bytes, not as laid out")
    return paths


def image_rows(
    model: DecoderIntegers,
    layout: DecoderLayout,
    engine: TokenMatmulConfig,
    stream: TritStreamConfig,
) -> list[list[int]]:
    """The same contents as numbers of 128 bits, for each port, as memories on the chip hold them;
    whole in Python's memory, so only for models that fit a chip."""
    words = np.concatenate(list(_words(model, layout, engine, stream)))
    return [
        [int.from_bytes(row.tobytes(), "little") for row in words[:, port]]
        for port in range(layout.ports)
    ]


def _words(
    model: DecoderIntegers,
    layout: DecoderLayout,
    engine: TokenMatmulConfig,
    stream: TritStreamConfig,
) -> Iterator[np.ndarray]:
    """All contents in order, as arrays of bytes [words, ports, 16]."""
    shape = model.shape

    def whole(content: bytes) -> np.ndarray:
        padded = content + bytes(-len(content) % layout.word_bytes)
        return np.frombuffer(padded, dtype=np.uint8).reshape(-1, layout.ports, 16)

    header = np.array([MAGIC, VERSION, model_hash(model)], dtype="<u4")
    yield whole(header.tobytes())
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
