"""The large shapes with random weights: a decode step or a prompt, whole, in Verilator.

Cycles of a decoder do not depend on its weights, so a published shape with random ones shows what
the trained model would take, and the golden model shows that every logit is right. A decode step at
a late position begins with a cache that the golden model filled, since simulating the prompt of a
24-layer model takes an hour. `sterna bench large` runs one of the two.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sterna.decoder.cache_image import append_cache
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.hardware import DecoderHardware, recommended_hardware
from sterna.decoder.image import write_image
from sterna.decoder.lowering import lower_decoder
from sterna.decoder.shape import DecoderShape
from sterna.decoder.source import PUBLISHED
from sterna.decoder.synthetic import synthetic_checkpoint
from sterna_hw.base import find_device
from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.verilog import emit
from sterna_sim.decoder.checkpoints import read_logits
from sterna_sim.decoder.rtl_decoder import RtlDecoder

__all__ = ["SEED", "LargeRun", "published_shape", "run_large", "usual_hardware"]


SEED = 0
"""Of random weights and tokens."""


@dataclass(frozen=True)
class LargeRun:
    """What a run took and whether it was right.

    ``cycles`` of the whole run; ``bytes_moved`` that a decode step must move at least (None for a
    prompt); ``equal`` says whether all logits were those of the golden model.
    """

    cycles: int
    bytes_moved: int | None
    word_bytes: int
    equal: bool
    counters: dict[str, int]

    @property
    def roofline(self) -> float | None:
        """Share of what memory can move in these cycles."""
        if self.bytes_moved is None:
            return None
        return self.bytes_moved / (self.cycles * self.word_bytes)


def published_shape(name: str) -> DecoderShape:
    """The shape of a published model.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists the names.
    """
    if name not in PUBLISHED:
        raise ValueError(f"Model must be one of {', '.join(PUBLISHED)}, not {name!r}")
    return PUBLISHED[name]


def usual_hardware(shape: DecoderShape, lanes: int) -> DecoderHardware:
    """What is recommended for the KV260's device, with so many token lanes."""
    return replace(recommended_hardware(find_device("xck26"), shape), lanes=lanes)


def run_large(
    shape: DecoderShape,
    *,
    layers: int,
    hardware: DecoderHardware,
    prompt: int = 1,
    position: int = 0,
    seed: int = SEED,
    progress: Callable[[str], None] = lambda line: None,
    observe: Callable[[Path, DecoderCoreConfig], None] | None = None,
) -> LargeRun:
    """Take in ``prompt`` tokens from ``position`` on, and give the first token.

    ``observe`` is given the run's folder with its log of events, and what was simulated.

    Raises
    ------
    ValueError
        If the hardware does not fit the shape, or the positions its context.
    """
    if prompt < 1:
        raise ValueError(f"Tokens of a prompt must be 1 or more, not {prompt}")
    if not 0 <= position <= shape.context - prompt:
        raise ValueError(
            f"Position of {prompt} tokens must be 0 to {shape.context - prompt} in a context of"
            f" {shape.context}, not {position}"
        )
    model = lower_decoder(synthetic_checkpoint(shape, seed, layers))
    config = hardware.accelerator(model, hash_bits=0)
    layout = hardware.layout(model.shape)
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, shape.vocabulary, position + prompt).tolist()
    golden = GoldenDecoder(model)
    with tempfile.TemporaryDirectory(prefix="sterna-large-") as temporary:
        folder = Path(temporary)
        progress("Writing the image")
        image = write_image(model, layout, config.core.matmul, config.core.trits, folder)
        config = replace(config, model_hash=image.hash)
        progress("Running the golden model")
        if position:
            golden.run(tokens[:position])
            append_cache(golden, layout, folder)
        expected = golden.run(tokens[position:])
        progress("Compiling the Verilog")
        files = emit(config.create(), config.name)
        work = folder / "work"
        options = {"work": work, "checkpoints": True, "events": observe is not None}
        with RtlDecoder(config, files, layout, folder, **options) as decoder:
            progress("Simulating")
            run = decoder.run_whole(tokens[position:], 1, position)
        logits = next(read_logits(work, shape.vocabulary))
        if observe is not None:
            observe(work, config.core)
    return LargeRun(
        cycles=run.counters["busy_cycles"],
        bytes_moved=layout.token_bytes(position) if prompt == 1 else None,
        word_bytes=layout.word_bytes,
        equal=not run.errors and bool(np.array_equal(logits, expected)),
        counters=run.counters,
    )
