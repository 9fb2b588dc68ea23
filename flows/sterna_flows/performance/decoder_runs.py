"""Decoders of the zoo, run: cycles of tokens against the memory roofline, speed of simulation.

A built decoder takes in a prompt and gives tokens in Verilator by the same function as `sterna
sim`; every code, logit and token is compared. Speeds are those of processor time, as of streaming
networks (`network_runs`). What prompt and token take of the memory roofline is the analytic
model's, as `sterna estimate` tells it, since a simulated prompt as long as that takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sterna.decoder.design import DecoderDesign
from sterna.decoder.golden import GoldenDecoder

from ..decoder_flow import estimate
from ..decoder_simulation import opening_tokens, simulate_decoder
from ..effort import Stopwatch
from ..report_file import read_report
from .builds import Build

__all__ = ["DecoderPhase", "DecoderRun", "estimate_phases", "run_decoder"]


@dataclass(frozen=True)
class DecoderPhase:
    """The prompt or a token behind it, estimated for one device."""

    model: str
    target: str
    name: str
    tokens: int
    position: int
    cycles: int
    tokens_per_second: float
    roofline_share: float
    clock_mhz: float


@dataclass(frozen=True)
class DecoderRun:
    """What came out for one decoder on one device; seconds are of processor time.

    ``predicted`` and ``simulated`` are the cycles to the first token and between tokens, the latter
    None for one token only.
    """

    model: str
    target: str
    prompt: int
    tokens: int
    cycles: int
    predicted: tuple[int, int | None]
    simulated: tuple[int, int | None]
    compared: int
    simulation_seconds: float
    problem: str | None
    golden_tokens: int
    golden_seconds: float


def estimate_phases(model: str, target: str) -> list[DecoderPhase]:
    """Prompt and token with the usual choices.

    Raises
    ------
    ValueError
        If there is no such decoder or device.
    """
    told = estimate(model, target)
    kinds = ("name", "tokens", "position", "cycles", "tokens_per_second", "roofline_share")
    return [
        DecoderPhase(
            model=model,
            target=target,
            clock_mhz=told["clock_mhz"],
            **{kind: phase[kind] for kind in kinds},
        )
        for phase in told["phases"]
    ]


def run_decoder(
    build: Build, prompt: int, tokens: int, tell: Callable[[str], None] = lambda line: None
) -> DecoderRun:
    """Simulates a prompt and the tokens behind it.

    Raises
    ------
    ValueError
        If they do not fit the context.
    ToolError, SimulatorError
        If compiling or simulating fails.
    """
    # A first, short run compiles the model.
    simulate_decoder(build.folder, 1, 1, progress=tell)
    watch = Stopwatch()
    (found,) = simulate_decoder(build.folder, prompt, tokens, progress=tell)
    seconds = watch.tool_seconds
    cycles = read_report(build.folder)["cycles"]

    def kinds(source: str) -> tuple[int, int | None]:
        return cycles["latency"].get(source, 0), cycles.get("interval", {}).get(source)

    design = DecoderDesign(build.folder)
    golden = GoldenDecoder(design.model)
    opening = opening_tokens(design, prompt)
    watch = Stopwatch()
    given: list[Any] = golden.generate(opening, tokens)
    return DecoderRun(
        model=build.model,
        target=build.target,
        prompt=prompt,
        tokens=len(found.tokens),
        cycles=found.counters["busy_cycles"],
        predicted=kinds("predicted"),
        simulated=kinds("simulated"),
        compared=found.vectors + found.logits,
        simulation_seconds=seconds,
        problem=found.problem,
        golden_tokens=prompt + len(given) - 1,
        golden_seconds=watch.own_seconds,
    )
