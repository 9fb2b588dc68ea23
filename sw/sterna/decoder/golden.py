"""The golden decoder: what the accelerator must compute, told in numpy.

It follows ``docs/numerics.md``, "Decoders", paragraph by paragraph, and shares nothing with the
hardware parts. Tokens of a call go through layer by layer together, as rows of arrays; since every
rule is about one token (or one query and its past), that changes no number. What is done to a row
of integers is in `golden_arithmetic`.

The state between calls is the cache of keys and values. `GoldenDecoder.run` gives logits as
integers; `next_token` decides as the hardware does. With ``checkpoints`` every intermediate vector
is recorded by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .golden_arithmetic import (
    EXPONENTIAL,
    SIGMOID,
    RunScale,
    align,
    apply_scale,
    bit_lengths,
    clip,
    multiply,
    norm,
    quantise,
)
from .integers import DecoderIntegers, LayerIntegers

__all__ = ["GoldenDecoder"]


class GoldenDecoder:
    """A decoder with its cache.

    Parameters
    ----------
    model : :class:`DecoderIntegers`
        What it runs.
    layers : :class:`int`, optional
        Only so many of the first layers (for checks on large shapes).

    After a run ``final_scale`` is the norm scale before the head: times ``model.head_constant`` it
    makes real logits.
    """

    def __init__(self, model: DecoderIntegers, layers: int | None = None) -> None:
        self.model = model
        self.layers = model.shape.layers if layers is None else layers
        self.checkpoints: dict[str, np.ndarray] = {}
        self.reset()

    def reset(self) -> None:
        """Forget all tokens."""
        self.position = 0
        size = (self.layers, self.model.shape.context, self.model.shape.kv_size)
        scales = size[:2]
        self._keys = np.zeros(size, dtype=np.int8)
        self._values = np.zeros(size, dtype=np.int8)
        self._key_scales = np.zeros((*scales, 2), dtype=np.int64)
        self._value_scales = np.zeros((*scales, 2), dtype=np.int64)

    def run(
        self, tokens: Sequence[int], *, all_logits: bool = False, checkpoints: bool = False
    ) -> np.ndarray:
        """Take tokens in; int64 logits ``[vocabulary]`` after the last, or ``[tokens, vocabulary]``
        with ``all_logits``.

        Raises
        ------
        ValueError
            If there is no token, one is not in the vocabulary, or the context is full.
        """
        shape, model = self.model.shape, self.model
        ids = np.asarray(list(tokens), dtype=np.int64)
        if not len(ids):
            raise ValueError("Tokens must be one or more, not none")
        if not (0 <= ids.min() and ids.max() < shape.vocabulary):
            raise ValueError(f"Token must be 0 to {shape.vocabulary - 1}, not {ids.max()}")
        if self.position + len(ids) > shape.context:
            raise ValueError(
                f"Tokens must fit the context of {shape.context},"
                f" not be {self.position + len(ids)} in all"
            )
        self.checkpoints = {}
        x = model.embedding[ids].astype(np.int64) << model.embedding_shift
        self._note(checkpoints, "embedding", x)
        for number in range(self.layers):
            x = self._layer(number, model.layer(number), x, checkpoints)
        self.position += len(ids)
        if not all_logits:
            x = x[-1:]
        codes, self.final_scale = norm(x, model.final_gains)
        self._note(checkpoints, "final_norm", codes)
        logits = multiply(codes, model.head)
        return logits if all_logits else logits[0]

    @staticmethod
    def next_token(logits: np.ndarray) -> int:
        """The token with the largest logit, the first among equals."""
        return int(np.argmax(logits))

    def cached(self, layer: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Keys, values (int8 ``[position, elements]``) and their scales (mantissa and exponent,
        ``[position, 2]``) of the tokens so far, of one layer."""
        past = slice(0, self.position)
        caches = (self._keys, self._values, self._key_scales, self._value_scales)
        keys, values, key_scales, value_scales = (cache[layer, past] for cache in caches)
        return keys, values, key_scales, value_scales

    def generate(self, prompt: Sequence[int], count: int, stop: int | None = None) -> list[int]:
        """Greedy continuation of a prompt: up to ``count`` tokens; ``stop`` is the last if met."""
        produced: list[int] = []
        logits = self.run(prompt)
        while len(produced) < count:
            produced.append(self.next_token(logits))
            if produced[-1] == stop or len(produced) == count:
                break
            logits = self.run(produced[-1:])
        return produced

    def _note(self, wanted: bool, name: str, value: np.ndarray) -> None:
        if wanted:
            self.checkpoints[name] = value

    def _layer(
        self, number: int, layer: LayerIntegers, x: np.ndarray, checkpoints: bool
    ) -> np.ndarray:
        constants = {name: RunScale.of(scale) for name, scale in layer.constants.items()}

        def note(name: str, value: np.ndarray) -> None:
            self._note(checkpoints, f"layers.{number}.{name}", value)

        codes, rho = norm(x, layer.gains["attention_norm"])
        note("attention_norm", codes)
        attended = self._attention(number, layer, codes, rho, constants, note)
        note("attention", attended)
        codes, rho = norm(attended, layer.gains["attention_sub_norm"])
        note("attention_sub_norm", codes)
        x = self._add(x, multiply(codes, layer.matrices["o"]), rho * constants["o"])
        note("attention_residual", x)
        codes, rho = norm(x, layer.gains["feed_forward_norm"])
        note("feed_forward_norm", codes)
        hidden = self._gate(
            multiply(codes, layer.matrices["gate"]),
            multiply(codes, layer.matrices["up"]),
            rho * constants["gate"],
        )
        note("hidden", hidden)
        codes, rho = norm(hidden, layer.gains["feed_forward_sub_norm"])
        note("feed_forward_sub_norm", codes)
        x = self._add(x, multiply(codes, layer.matrices["down"]), rho * constants["down"])
        note("residual", x)
        return x

    @staticmethod
    def _add(x: np.ndarray, raw: np.ndarray, scale: RunScale) -> np.ndarray:
        return clip(x + clip(apply_scale(raw, scale[:, np.newaxis], 0), 24), 24)

    def _gate(self, gate: np.ndarray, up: np.ndarray, scale: RunScale) -> np.ndarray:
        z = clip(apply_scale(gate, scale[:, np.newaxis], 10), 16)
        if self.model.shape.activation == "silu":
            sigmoid = SIGMOID[np.minimum(np.abs(z) >> 3, 1023)]
            active = (z * np.where(z >= 0, sigmoid, 65536 - sigmoid) + (1 << 11)) >> 12
        else:
            positive = np.maximum(z, 0)
            active = (positive * positive + (1 << 5)) >> 6
        shift = self.model.gate_shift
        return clip((active * up + (1 << (shift - 1))) >> shift, 24)

    def _rotate(self, raw: np.ndarray) -> np.ndarray:
        """Turn pairs of neighbours by each token's position."""
        count = len(raw)
        table = self.model.rotations[self.position : self.position + count].astype(np.int64)
        cosine, sine = table[:, np.newaxis, :, 0], table[:, np.newaxis, :, 1]
        pairs = raw.reshape(count, -1, self.model.shape.head_size // 2, 2)
        a, b = pairs[..., 0], pairs[..., 1]
        turned = np.stack((a * cosine - b * sine, a * sine + b * cosine), axis=-1)
        return ((turned + (1 << 13)) >> 14).reshape(count, -1)

    def _attention(
        self,
        number: int,
        layer: LayerIntegers,
        codes: np.ndarray,
        rho: RunScale,
        constants: Mapping[str, RunScale],
        note: Callable[[str, np.ndarray], None],
    ) -> np.ndarray:
        """Results of all heads, rows by token; appends keys and values to the cache."""
        count, start = len(codes), self.position
        raw = {name: multiply(codes, layer.matrices[name]) for name in ("q", "k", "v")}
        queries, query_maximum, _ = quantise(self._rotate(raw["q"]))
        keys, key_maximum, _ = quantise(self._rotate(raw["k"]))
        values, value_maximum, _ = quantise(raw["v"])
        query_scale = rho * constants["q"] * query_maximum
        key_scale = rho * constants["k"] * key_maximum
        value_scale = rho * constants["v"] * value_maximum
        here = slice(start, start + count)
        self._keys[number, here], self._values[number, here] = keys, values
        for cache, scale in (
            (self._key_scales, key_scale),
            (self._value_scales, value_scale),
        ):
            cache[number, here, 0], cache[number, here, 1] = scale.mantissa, scale.exponent
        for name, value in (("query", queries), ("key", keys), ("value", values)):
            note(name, value)
        return np.stack(
            [
                self._attend(number, start + row, queries[row], query_scale[row])
                for row in range(count)
            ]
        )

    def _attend(self, number: int, t: int, query: np.ndarray, scale: RunScale) -> np.ndarray:
        """One query's heads over positions 0 to t."""
        shape = self.model.shape
        past = slice(0, t + 1)
        size = (t + 1, shape.kv_heads, shape.head_size)
        keys = self._keys[number, past].reshape(size).astype(np.float64)
        values = self._values[number, past].reshape(size).astype(np.float64)
        heads = query.reshape(shape.kv_heads, shape.group, shape.head_size).astype(np.float64)
        products = np.einsum("kgd,jkd->kgj", heads, keys).astype(np.int64)
        stored = self._key_scales[number, past]
        scores = clip(apply_scale(products, scale * RunScale(stored[:, 0], stored[:, 1]), 10), 24)
        below = scores.max(axis=2, keepdims=True) - scores
        weights = np.where(
            below >> 10 >= 16, 0, EXPONENTIAL[below & 1023] >> np.minimum(below >> 10, 62)
        )
        total = weights.sum(axis=2)
        mantissa, exponent = self._value_scales[number, past].T
        if not mantissa.any():
            return np.zeros(shape.query_size, dtype=np.int64)
        behind = exponent[mantissa > 0].max() - exponent
        is_near = (mantissa > 0) & (behind < 16)
        shift = np.where(is_near, 16 + behind, 16)
        weighted = np.where(is_near, (weights * mantissa) >> shift, 0)
        sums = np.einsum("kgj,jkd->kgd", weighted.astype(np.float64), values).astype(np.int64)
        bits = bit_lengths(total)
        reciprocal = np.minimum((1 << 32) // align(total, bits), 65535)
        bits, reciprocal = bits[..., np.newaxis], reciprocal[..., np.newaxis]
        return ((sums * reciprocal + (1 << (bits - 2))) >> (bits - 1)).reshape(-1)
