"""Every vector of codes and every logit of a simulated decoder against the golden model.

The monitor in the Verilog (`bench_files`) wrote down, in order, the codes that left the vector unit
and the logits that the head found. The order of work of a pass tells which vector is which, so the
golden decoder's checkpoints are brought into the same order, and the first difference gets a name:
layer, vector, token. Passes have up to as many tokens as the accelerator has lanes; a token that
was generated has a pass of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.lib import data

from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.integers import DecoderIntegers
from sterna_hw.decoder.attention_command import logit_layout
from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.decoder.vector_command import code_layout

from .bench_files import CODES_FILE, LOGITS_FILE

__all__ = ["Comparison", "compare_checkpoints", "read_logits"]

ORDER = (
    "attention_norm",
    "value",
    "key",
    "query",
    "attention_sub_norm",
    "feed_forward_norm",
    "feed_forward_sub_norm",
)
"""Vectors of codes of a layer, in the order of work; each for all lanes."""


@dataclass(frozen=True)
class Comparison:
    """How many code vectors and logits were compared, and the first difference (None if equal)."""

    vectors: int
    logits: int
    difference: str | None


def compare_checkpoints(
    work: Path,
    core: DecoderCoreConfig,
    model: DecoderIntegers,
    prompt: Sequence[int],
    produced: Sequence[int],
) -> Comparison:
    """Compares what the only run of a simulation left in its folder ``work``.

    ``prompt`` and ``produced`` are the run's tokens, from position 0 on; of the tokens produced the
    last one was not fed back.
    """
    vectors, rows = 0, 0
    logits = read_logits(work, core.vocabulary)
    codes = _vectors(work / CODES_FILE, core)
    for name, expected in _expected(core, model, prompt, produced):
        if name.endswith("logits"):
            got = next(logits, None)
            rows += len(expected)
        else:
            got = next(codes, None)
            vectors += 1
        if got is None:
            return Comparison(vectors, rows, f"{name}: missing")
        if not np.array_equal(got, expected):
            place = int(np.flatnonzero(got != expected)[0]) if len(got) == len(expected) else -1
            return Comparison(vectors, rows, f"{name}: first difference at element {place}")
    if next(codes, None) is not None or next(logits, None) is not None:
        return Comparison(vectors, rows, "more than expected was written")
    return Comparison(vectors, rows, None)


def _expected(
    core: DecoderCoreConfig,
    model: DecoderIntegers,
    prompt: Sequence[int],
    produced: Sequence[int],
) -> Iterator[tuple[str, np.ndarray]]:
    """Names and contents of all vectors, in the order of work."""
    golden = GoldenDecoder(model)
    passes = [list(prompt[at : at + core.lanes]) for at in range(0, len(prompt), core.lanes)]
    passes += [[token] for token in produced[:-1]]
    first_with_result = -(-len(prompt) // core.lanes) - 1
    for number, tokens in enumerate(passes):
        start = golden.position
        logits = golden.run(tokens, checkpoints=True)
        found = golden.checkpoints
        for layer in range(model.shape.layers):
            for vector in ORDER:
                for lane, values in enumerate(found[f"layers.{layer}.{vector}"]):
                    yield f"layer {layer}, {vector} of token {start + lane}", values
        if number >= first_with_result:
            yield f"final_norm of token {golden.position - 1}", found["final_norm"][-1]
            yield f"token {golden.position - 1}, logits", logits


def _vectors(path: Path, core: DecoderCoreConfig) -> Iterator[np.ndarray]:
    """Vectors of codes, one after the other."""
    config = core.vector
    layout = data.StructLayout.cast(code_layout(core.lanes, config.largest_beats, config.count))
    width, last = config.count, layout["last"].offset
    vector: list[int] = []
    with path.open() as lines:
        for line in lines:
            word = int(line, 16)
            vector += [word >> 8 * place & 0xFF for place in range(width)]
            if word >> last & 1:
                yield np.array(vector, dtype=np.uint8).view(np.int8).astype(np.int64)
                vector = []


def read_logits(work: Path, rows: int) -> Iterator[np.ndarray]:
    """All logits of each result, by token (int64), that a simulation left in its folder."""
    layout = data.StructLayout.cast(logit_layout(rows, "valid"))
    index, logit = layout["index"], layout["logit"]
    found: dict[int, int] = {}
    with (work / LOGITS_FILE).open() as lines:
        for line in lines:
            word = int(line, 16)
            place = word >> index.offset & ((1 << index.width) - 1)
            value = word >> logit.offset & ((1 << logit.width) - 1)
            found[place] = value - (value >> (logit.width - 1) << logit.width)
            if len(found) == rows:
                yield np.array([found[row] for row in range(rows)], dtype=np.int64)
                found = {}
