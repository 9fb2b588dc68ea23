"""The shape of a decoder-only ternary transformer (BitNet b1.58): sizes and kinds, no weights.

Every layer has grouped-query attention with rotary positions and a gated feed-forward network:

    query, key, value = q, k, v of the normed residual; output = o of the normed heads
    hidden = activation(gate) * up of the normed residual; down of the normed hidden

A shape is checked when it is made and is plain data from then on: sizes of all matrices and of the
key-value cache follow from it. Two named shapes are those of published checkpoints (the 0.7B
reproduction of BitNet b1.58, and BitNet b1.58 2B4T, arXiv 2504.12285); the third is one for FPGAs
without external memory.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["ACTIVATIONS", "BITNET_0B7", "BITNET_2B4T", "MATRICES", "TINY", "DecoderShape"]

ACTIVATIONS = ("silu", "squared_relu")
"""What the gate goes through: ``g * sigmoid(g)`` or ``max(g, 0)**2``."""

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")
"""The ternary matrices of one layer, in the order of use."""

_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,)}
_KINDS |= {"str": (str,), "int | None": (int, type(None))}


def _must(field: str, rule: str, value: object) -> ValueError:
    return ValueError(f"{field} must be {rule}, not {value!r}")


@dataclass(frozen=True)
class DecoderShape:
    """Sizes and kinds of a decoder.

    Parameters
    ----------
    layers : :class:`int`
        Layers, 1 or more.
    hidden : :class:`int`
        Elements of the residual stream, a multiple of 16.
    feed_forward : :class:`int`
        Elements between gate and down, a multiple of 16.
    heads : :class:`int`
        Query heads, a multiple of ``kv_heads``.
    kv_heads : :class:`int`
        Key and value heads, 1 or more; query head h reads key head ``h // (heads // kv_heads)``.
    head_size : :class:`int`
        Elements of one head, a multiple of 16 from 32 to 128. ``heads * head_size`` may differ
        from ``hidden``.
    vocabulary : :class:`int`
        Tokens, 2 or more.
    context : :class:`int`
        Largest number of positions, 1 or more.
    activation : :class:`str`
        ``"silu"`` or ``"squared_relu"``.
    rope_base : :class:`float`
        Base of the rotary frequencies, above 1. Elements 2i and 2i+1 of a head turn together by
        ``position * rope_base**(-2*i/head_size)`` radians.
    tied : :class:`bool`
        Whether the head's codes are derived from the embedding.
    name : :class:`str`
        What reports call it; free text without line breaks.
    end_of_text : :class:`int`, optional
        The token that ends a text, if the model has one. Hosts stop at it; nothing else depends on
        it.

    Raises
    ------
    ValueError
        If a field breaks its rule.
    """

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    activation: str = "silu"
    rope_base: float = 10000.0
    tied: bool = False
    name: str = "decoder"
    end_of_text: int | None = None

    def __post_init__(self) -> None:
        for entry in fields(self):
            value, kind = getattr(self, entry.name), str(entry.type)
            wrong_bool = isinstance(value, bool) and kind != "bool"
            if wrong_bool or not isinstance(value, _KINDS[kind]):
                raise _must(self._words(entry.name), f"of type {kind}", value)
        for field in ("layers", "heads", "kv_heads", "context"):
            if getattr(self, field) < 1:
                raise _must(self._words(field), "1 or more", getattr(self, field))
        for field in ("hidden", "feed_forward"):
            value = getattr(self, field)
            if value < 16 or value % 16:
                raise _must(self._words(field), "a positive multiple of 16", value)
        if self.heads % self.kv_heads:
            raise _must("Heads", f"a multiple of the {self.kv_heads} kv heads", self.heads)
        if not 32 <= self.head_size <= 128 or self.head_size % 16:
            raise _must("Head size", "a multiple of 16 from 32 to 128", self.head_size)
        if self.vocabulary < 2:
            raise _must("Vocabulary", "2 or more", self.vocabulary)
        if self.activation not in ACTIVATIONS:
            raise _must("Activation", f"one of {', '.join(ACTIVATIONS)}", self.activation)
        if not 1 < self.rope_base < float("inf"):
            raise _must("Rope base", "a finite number above 1", self.rope_base)
        if not self.name or "\n" in self.name:
            raise _must("Name", "one line of text", self.name)
        if self.end_of_text is not None and not 0 <= self.end_of_text < self.vocabulary:
            raise _must("End of text", f"a token, 0 to {self.vocabulary - 1}", self.end_of_text)

    @staticmethod
    def _words(field: str) -> str:
        return field.replace("_", " ").capitalize()

    @property
    def query_size(self) -> int:
        """Elements of all query heads together."""
        return self.heads * self.head_size

    @property
    def kv_size(self) -> int:
        """Elements of all key heads together, and of all value heads."""
        return self.kv_heads * self.head_size

    @property
    def group(self) -> int:
        """Query heads that share one key head."""
        return self.heads // self.kv_heads

    @property
    def matrix_sizes(self) -> dict[str, tuple[int, int]]:
        """(outputs, inputs) of each ternary matrix of a layer, in the order of use."""
        return {
            "q": (self.query_size, self.hidden),
            "k": (self.kv_size, self.hidden),
            "v": (self.kv_size, self.hidden),
            "o": (self.hidden, self.query_size),
            "gate": (self.feed_forward, self.hidden),
            "up": (self.feed_forward, self.hidden),
            "down": (self.hidden, self.feed_forward),
        }

    @property
    def norm_sizes(self) -> dict[str, int]:
        """Elements of each norm of a layer, in the order of use."""
        return {
            "attention_norm": self.hidden,
            "attention_sub_norm": self.query_size,
            "feed_forward_norm": self.hidden,
            "feed_forward_sub_norm": self.feed_forward,
        }

    @property
    def layer_ternary_count(self) -> int:
        """Ternary weights of one layer."""
        return sum(outputs * inputs for outputs, inputs in self.matrix_sizes.values())

    @property
    def ternary_count(self) -> int:
        """Ternary weights of all layers; embedding and head are not ternary and not counted."""
        return self.layers * self.layer_ternary_count

    def to_json(self) -> str:
        """The shape as JSON text, one field a line; without ``end_of_text`` if there is none."""
        record = asdict(self)
        if self.end_of_text is None:
            del record["end_of_text"]
        return json.dumps(record, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> DecoderShape:
        """The shape that `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is not a JSON object with exactly the fields of a shape, or one breaks its
            rule.
        """
        try:
            content: Any = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Shape must be JSON, not {text[:20]!r}...: {error}") from None
        if not isinstance(content, dict):
            raise ValueError(f"Shape must be a JSON object, not {type(content).__name__}")
        known = [entry.name for entry in fields(cls)]
        if set(content) | {"end_of_text"} != set(known):
            raise ValueError(
                f"Fields of a shape must be {', '.join(known)}, not {', '.join(map(str, content))}"
            )
        return cls(**content)


BITNET_0B7 = DecoderShape(
    layers=24,
    hidden=1536,
    feed_forward=4096,
    heads=16,
    kv_heads=16,
    head_size=96,
    vocabulary=32002,
    context=2048,
    activation="silu",
    rope_base=10000.0,
    name="bitnet-0.7b",
)
"""The 0.7B reproduction of BitNet b1.58: 680 M ternary weights."""

BITNET_2B4T = DecoderShape(
    layers=30,
    hidden=2560,
    feed_forward=6912,
    heads=20,
    kv_heads=5,
    head_size=128,
    vocabulary=128256,
    context=4096,
    activation="squared_relu",
    rope_base=500000.0,
    tied=True,
    name="bitnet-2b-4t",
)
"""BitNet b1.58 2B4T: 2.08 billion ternary weights, head tied to the embedding."""

TINY = DecoderShape(
    layers=3,
    hidden=96,
    feed_forward=256,
    heads=3,
    kv_heads=1,
    head_size=32,
    vocabulary=65,
    context=128,
    name="tiny",
)
"""A character model of 295 thousand ternary weights: with its cache 127 KB, which the block memory
of a mid-sized FPGA holds. Nothing published."""
