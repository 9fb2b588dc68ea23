"""A decoder told once more in numpy, float64, from a checkpoint's arrays: loops instead of torch.

For comparisons in tests only; it knows the checkpoint's layout and nothing of the torch module.
"""

from __future__ import annotations

import numpy as np

from sterna.decoder.checkpoint import DecoderCheckpoint

NUDGE = 1 + 1e-9
"""Ties between two codes are common, since raw results are integers times one scale, and float
errors decide them. Both sides of a comparison round a value this much larger: away from zero."""


def reference_logits(checkpoint: DecoderCheckpoint, tokens: list[int], quantised: bool):
    """Real logits (time, vocabulary) of a sequence of tokens."""
    shape = checkpoint.shape

    def rounded(rows):
        if not quantised:
            return rows
        step = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-5) / 127
        return np.rint(rows / step * NUDGE) * step

    def normed(rows, gains):
        return rounded(rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + 1e-6) * gains)

    def turned(rows):
        result = np.empty_like(rows)
        for position, row in enumerate(rows):
            for first in range(0, len(row), 2):
                place = first % shape.head_size
                angle = position * float(shape.rope_base) ** (-place / shape.head_size)
                number = complex(row[first], row[first + 1]) * np.exp(1j * angle)
                result[position, first : first + 2] = number.real, number.imag
        return result

    x = checkpoint.embedding[tokens] * 2.0**-checkpoint.embedding_exponent
    for number in range(shape.layers):
        layer = checkpoint.layer(number)

        def linear(name, rows, layer=layer):
            return rows @ layer.matrices[name].T.astype(np.float64) * layer.scales[name]

        rows = normed(x, layer.norms["attention_norm"])
        query = rounded(turned(linear("q", rows)))
        key = rounded(turned(linear("k", rows)))
        value = rounded(linear("v", rows))
        mixed = np.zeros_like(query)
        for head in range(shape.heads):
            mine = slice(head * shape.head_size, (head + 1) * shape.head_size)
            source = head // (shape.heads // shape.kv_heads)
            theirs = slice(source * shape.head_size, (source + 1) * shape.head_size)
            for time in range(len(tokens)):
                scores = key[: time + 1, theirs] @ query[time, mine] / np.sqrt(shape.head_size)
                shares = np.exp(scores - scores.max())
                mixed[time, mine] = shares @ value[: time + 1, theirs] / shares.sum()
        x = x + linear("o", normed(mixed, layer.norms["attention_sub_norm"]))
        rows = normed(x, layer.norms["feed_forward_norm"])
        gate, up = linear("gate", rows), linear("up", rows)
        if shape.activation == "silu":
            gate = gate / (1 + np.exp(-gate))
        else:
            gate = np.maximum(gate, 0) ** 2
        x = x + linear("down", normed(gate * up, layer.norms["feed_forward_sub_norm"]))
    rows = normed(x, checkpoint.final_norm)
    return rows @ checkpoint.head.T.astype(np.float64) * checkpoint.head_scale
