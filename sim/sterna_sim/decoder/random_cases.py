"""Random small decoders with random hardware: the generator of shapes that campaigns and tests use.

A seed fixes everything: a shape with grouped queries, head sizes from 32 to 128, sizes that are no
multiples of the engine's tiles, one to four memory ports, one to sixteen token lanes; synthetic
weights; a prompt. `check_case` builds the Verilog, runs the prompt and some tokens, and compares
every code, every logit and every token with the golden model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.image import write_image
from sterna.decoder.integers import DecoderIntegers
from sterna.decoder.lowering import lower_decoder
from sterna.decoder.shape import DecoderShape
from sterna.decoder.synthetic import synthetic_checkpoint
from sterna_hw.verilog import emit

from .checkpoints import Comparison, compare_checkpoints
from .rtl_decoder import RtlDecoder, RunResult

__all__ = ["CaseResult", "DecoderCase", "check_case", "open_case", "random_case"]


@dataclass(frozen=True)
class DecoderCase:
    """A decoder, hardware for it, and what is asked of it."""

    model: DecoderIntegers
    hardware: DecoderHardware
    prompt: list[int]
    count: int

    @property
    def summary(self) -> str:
        """One line of sizes."""
        shape, hardware = self.model.shape, self.hardware
        return (
            f"{shape.layers} layers, {shape.hidden}/{shape.feed_forward}, heads {shape.heads}/"
            f"{shape.kv_heads} of {shape.head_size}, vocabulary {shape.vocabulary}, "
            f"{shape.activation}; {hardware.ports} ports, {hardware.lanes} lanes, "
            f"{hardware.tables}x{hardware.queries}"
        )


@dataclass(frozen=True)
class CaseResult:
    """What a run gave: the accelerator's answer, the golden tokens, and the comparison of codes and
    logits."""

    run: RunResult
    expected: list[int]
    compared: Comparison

    @property
    def problem(self) -> str | None:
        """What is wrong, in a line; None if all is equal."""
        if self.run.errors:
            return f"errors: {', '.join(self.run.errors)}"
        if self.run.tokens != self.expected:
            return f"tokens {self.run.tokens}, not {self.expected}"
        return self.compared.difference


def random_case(seed: int) -> DecoderCase:
    """The case of a seed."""
    rng = np.random.default_rng(seed)
    kv_heads = int(rng.integers(1, 3))
    shape = DecoderShape(
        layers=int(rng.integers(1, 3)),
        hidden=16 * int(rng.integers(2, 7)),
        feed_forward=16 * int(rng.integers(2, 10)),
        heads=kv_heads * int(rng.integers(1, 4)),
        kv_heads=kv_heads,
        head_size=16 * int(rng.integers(2, 9)),
        vocabulary=int(rng.integers(20, 120)),
        context=int(rng.integers(20, 60)),
        activation=str(rng.choice(["silu", "squared_relu"])),
        rope_base=float(rng.choice([100.0, 10000.0])),
        name=f"random{seed}",
    )
    ports = 1 + seed % 4
    queries = int(rng.choice([4, 8]))
    # The fewest tables whose beat of weights holds a word of all ports.
    tables = queries
    while 3 * tables * queries < 80 * ports:
        tables *= 2
    hardware = DecoderHardware(
        ports=ports,
        lanes=int(rng.choice([1, 2, 3, 5, 8, 16], p=[0.3, 0.2, 0.2, 0.15, 0.1, 0.05])),
        tables=tables,
        queries=queries,
        best_count=int(rng.integers(1, 6)),
        prefetch_words=128,
        burst_beats=int(rng.choice([8, 16, 64])),
        large_style="block",
        adders=("logic", "dsp", "three", "dsp")[seed // 4 % 4],
    )
    prompt = rng.integers(0, shape.vocabulary, int(rng.integers(1, 12))).tolist()
    return DecoderCase(lower_decoder(synthetic_checkpoint(shape, seed)), hardware, prompt, 3)


def open_case(case: DecoderCase, folder: Path, **options: Any) -> RtlDecoder:
    """The case's accelerator in simulation; image and work folder are made in ``folder``."""
    config = case.hardware.accelerator(case.model, hash_bits=0)
    layout = case.hardware.layout(case.model.shape)
    image = folder / "image"
    image.mkdir(parents=True, exist_ok=True)
    written = write_image(case.model, layout, config.core.matmul, config.core.trits, image)
    config = replace(config, model_hash=written.hash)
    return RtlDecoder(
        config,
        emit(config.create(), config.name),
        layout,
        image,
        head_constant=case.model.head_constant.real,
        work=folder / "work",
        fast=False,
        **{"limit": 5_000_000, **options},
    )


def check_case(case: DecoderCase, folder: Path, **options: Any) -> CaseResult:
    """Runs a case and compares everything; options as of `RtlDecoder`."""
    with open_case(case, folder, checkpoints=True, **options) as decoder:
        run = decoder.run_whole(case.prompt, case.count)
    expected = GoldenDecoder(case.model).generate(case.prompt, case.count)
    compared = compare_checkpoints(
        folder / "work", decoder.config.core, case.model, case.prompt, run.tokens
    )
    return CaseResult(run, expected, compared)
