"""A decoder's weights as arrays, read from a folder without torch.

A folder holds `shape.json` (a `DecoderShape`), `weights.safetensors` and, for models of text,
`characters.json` (see `sterna.decoder.text`). Tensors, with L a layer's number and M a matrix:

    layers.L.M                uint8, trits of the matrix packed five to a byte (`sterna_hw.trits`),
                              read row by row [outputs, inputs]
    layers.L.M.scale          float32 scalar: real weight = trit * scale
    layers.L.attention_norm, .attention_sub_norm, .feed_forward_norm, .feed_forward_sub_norm
                              float32 gains
    final_norm                float32 gains
    embedding                 int16 [vocabulary, hidden]
    embedding.exponent        int32 scalar: real element = code * 2**-exponent
    head, head.scale          int8 [vocabulary, hidden] and float32 scalar; absent when tied

Only one layer need be in memory as an array of weights: `DecoderCheckpoint.layer` unpacks or makes
it when asked and keeps nothing. Checkpoints that are made up are in `sterna.decoder.synthetic`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from sterna_hw.trits import TRITS_PER_BYTE, pack_trits, unpack_trits

from .shape import MATRICES, DecoderShape

__all__ = [
    "SHAPE_FILE",
    "WEIGHTS_FILE",
    "DecoderCheckpoint",
    "DecoderEdges",
    "LayerWeights",
    "tied_head",
]

SHAPE_FILE = "shape.json"
WEIGHTS_FILE = "weights.safetensors"

_LARGEST_HEAD_CODE = 127


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer.

    ``matrices`` (int8 [outputs, inputs], ternary) and their ``scales`` go by the names in
    `MATRICES`, the gains of the ``norms`` (float32) by those in `DecoderShape.norm_sizes`.
    """

    matrices: dict[str, np.ndarray]
    scales: dict[str, float]
    norms: dict[str, np.ndarray]


@dataclass(frozen=True)
class DecoderEdges:
    """What stands before the first and after the last layer; see the file's layout above."""

    embedding: np.ndarray
    embedding_exponent: int
    final_norm: np.ndarray
    head: np.ndarray
    head_scale: float


@dataclass(frozen=True)
class DecoderCheckpoint:
    """The weights of a decoder.

    Parameters
    ----------
    shape : :class:`DecoderShape`
        Sizes and kinds.
    make_layer : function of a layer's number
        Gives the `LayerWeights`, the same ones each time.
    make_edges : function
        Gives the `DecoderEdges`; called once, on first use.
    synthetic : :class:`bool`
        Whether the weights are random numbers.
    """

    shape: DecoderShape
    make_layer: Callable[[int], LayerWeights] = field(repr=False)
    make_edges: Callable[[], DecoderEdges] = field(repr=False)
    synthetic: bool = False

    def layer(self, number: int) -> LayerWeights:
        """The weights of one layer, unpacked or made anew.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        if not 0 <= number < self.shape.layers:
            raise ValueError(f"Layer must be from 0 to {self.shape.layers - 1}, not {number!r}")
        return self.make_layer(number)

    @cached_property
    def edges(self) -> DecoderEdges:
        return self.make_edges()

    @property
    def embedding(self) -> np.ndarray:
        """Int16 codes [vocabulary, hidden]."""
        return self.edges.embedding

    @property
    def embedding_exponent(self) -> int:
        """Real element of the embedding = code * 2**-exponent."""
        return self.edges.embedding_exponent

    @property
    def final_norm(self) -> np.ndarray:
        """Float32 gains [hidden]."""
        return self.edges.final_norm

    @property
    def head(self) -> np.ndarray:
        """Int8 codes [vocabulary, hidden]."""
        return self.edges.head

    @property
    def head_scale(self) -> float:
        """Real weight of the head = code * scale."""
        return self.edges.head_scale

    @classmethod
    def read(cls, folder: Path) -> DecoderCheckpoint:
        """The checkpoint in a folder; every tensor's name, type and size is checked.

        Raises
        ------
        ValueError
            If a file is missing or damaged, or its tensors are not those of the shape.
        """
        try:
            shape = DecoderShape.from_json((folder / SHAPE_FILE).read_text(encoding="utf-8"))
            tensors = load_file(folder / WEIGHTS_FILE)
        except (OSError, UnicodeDecodeError, SafetensorError) as error:
            raise ValueError(f"{folder} must be the folder of a decoder: {error}") from None
        _check(tensors, shape, folder / WEIGHTS_FILE)

        def layer(number: int) -> LayerWeights:
            prefix = f"layers.{number}."
            return LayerWeights(
                matrices={
                    name: unpack_trits(tensors[prefix + name], math.prod(size)).reshape(size)
                    for name, size in shape.matrix_sizes.items()
                },
                scales={name: float(tensors[f"{prefix}{name}.scale"]) for name in MATRICES},
                norms={name: tensors[prefix + name] for name in shape.norm_sizes},
            )

        def edges() -> DecoderEdges:
            embedding, exponent = tensors["embedding"], int(tensors["embedding.exponent"])
            if shape.tied:
                head, scale = tied_head(embedding, exponent)
            else:
                head, scale = tensors["head"], float(tensors["head.scale"])
            return DecoderEdges(embedding, exponent, tensors["final_norm"], head, scale)

        return cls(shape, layer, edges)

    def write(self, folder: Path) -> None:
        """Writes shape and weights into ``folder``, so that `read` gives the same checkpoint."""
        tensors: dict[str, np.ndarray] = {
            "embedding": self.embedding,
            "embedding.exponent": np.array(self.embedding_exponent, dtype=np.int32),
            "final_norm": self.final_norm,
        }
        if not self.shape.tied:
            tensors["head"] = self.head
            tensors["head.scale"] = np.array(self.head_scale, dtype=np.float32)
        for number in range(self.shape.layers):
            weights = self.layer(number)
            for name in MATRICES:
                packed = np.frombuffer(pack_trits(weights.matrices[name]), dtype=np.uint8)
                tensors[f"layers.{number}.{name}"] = packed
                scale = np.array(weights.scales[name], dtype=np.float32)
                tensors[f"layers.{number}.{name}.scale"] = scale
            for name, gains in weights.norms.items():
                tensors[f"layers.{number}.{name}"] = gains
        _check(tensors, self.shape, folder / WEIGHTS_FILE)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SHAPE_FILE).write_text(self.shape.to_json(), encoding="utf-8")
        save_file(tensors, folder / WEIGHTS_FILE)


def tied_head(embedding: np.ndarray, exponent: int) -> tuple[np.ndarray, float]:
    """Int8 codes and scale of a head whose weights are those of the embedding (int16 codes).

    The largest magnitude becomes 127; rounding is half to even.
    """
    largest = max(int(np.abs(embedding.astype(np.int32)).max()), 1)
    codes = np.rint(embedding * np.float32(_LARGEST_HEAD_CODE) / np.float32(largest))
    scale = float(np.float32(largest * 2.0**-exponent / _LARGEST_HEAD_CODE))
    return codes.astype(np.int8), scale


def _check(tensors: Mapping[str, np.ndarray], shape: DecoderShape, path: Path) -> None:
    """Refuses tensors other than those that the shape asks for."""
    expected: dict[str, tuple[str, tuple[int, ...]]] = {
        "embedding": ("int16", (shape.vocabulary, shape.hidden)),
        "embedding.exponent": ("int32", ()),
        "final_norm": ("float32", (shape.hidden,)),
    }
    if not shape.tied:
        expected["head"] = ("int8", (shape.vocabulary, shape.hidden))
        expected["head.scale"] = ("float32", ())
    for number in range(shape.layers):
        prefix = f"layers.{number}."
        for name, size in shape.matrix_sizes.items():
            expected[prefix + name] = ("uint8", (-(-math.prod(size) // TRITS_PER_BYTE),))
            expected[f"{prefix}{name}.scale"] = ("float32", ())
        for name, count in shape.norm_sizes.items():
            expected[prefix + name] = ("float32", (count,))
    for name, (kind, size) in expected.items():
        if name not in tensors:
            raise ValueError(f"{path} must hold the tensor {name}, which it does not")
        found = tensors[name]
        if (str(found.dtype), found.shape) != (kind, size):
            raise ValueError(
                f"Tensor {name} of {path} must be {kind} {size}, not {found.dtype} {found.shape}"
            )
        if kind == "float32" and not np.isfinite(found).all():
            raise ValueError(f"Tensor {name} of {path} must be finite numbers, not infinite ones")
    strangers = sorted(set(tensors) - set(expected))
    if strangers:
        raise ValueError(f"{path} must hold no other tensors, not {', '.join(strangers[:3])}")
