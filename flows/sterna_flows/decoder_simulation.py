"""`sterna sim` for a decoder: prompt and generation in Verilator, everything compared.

The prompt is the beginning of the model's own validation text where it has one, and otherwise
tokens drawn from a seed. The accelerator takes it in, goes on greedily, and every code, every logit
and every token is compared with the golden model's. Memory profiles stand for the memory behind the
ports: as fast as the ports, at the lower measured bandwidth of the KV260's four ports, or with
random latencies and back-pressure; memory on the chip has one profile only. The folder's report
gets the result.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sterna.decoder.design import DecoderDesign
from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.report import predicted_cycles, simulated_cycles
from sterna_sim.decoder.checkpoints import compare_checkpoints
from sterna_sim.dram import DramConfig, Region

from .decoder_schedule import SCHEDULE_FILE, Timeline, last_pass, read_timeline, write_schedule
from .generation import open_rtl
from .report_file import extend_report, read_report

__all__ = ["MEMORIES", "DecoderSimulation", "cycles_line", "opening_tokens", "simulate_decoder"]

MEMORIES: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "measured": {"bytes_per_cycle": Fraction("53.2")},
    "random": {"random_latency": 80, "stall_percent": 35, "seed": 1, "write_latency": 40},
}
"""Memory profiles: arguments of `DramConfig`. ``measured`` is 13.3 GB/s at 250 MHz."""

_STEADY = ("none", "measured")

_ANYWHERE = (Region(0, size=4096),)


@dataclass(frozen=True)
class DecoderSimulation:
    """One run: its memory profile, tokens, cycles of each, what was compared and what differed, and
    when which unit worked for the last token."""

    memory: str
    prompt: int
    tokens: tuple[int, ...]
    cycles: tuple[int, ...]
    vectors: int
    logits: int
    problem: str | None
    counters: Mapping[str, int]
    timeline: Timeline

    @property
    def line(self) -> str:
        """One line about it."""
        result = self.problem or "all equal"
        return (
            f"memory {self.memory}: {self.prompt} + {len(self.tokens)} tokens,"
            f" {self.counters['busy_cycles']:,} cycles; {self.vectors:,} vectors of codes and"
            f" {self.logits:,} logits compared: {result}"
        )


def opening_tokens(design: DecoderDesign, count: int, seed: int = 0) -> list[int]:
    """The first ``count`` tokens of the model's validation text, or drawn from a seed.

    Raises
    ------
    ValueError
        If the count is not from 1 to the context less one.
    """
    shape = design.model.shape
    if not 1 <= count < shape.context:
        raise ValueError(f"Tokens of a prompt must be 1 to {shape.context - 1}, not {count}")
    text = design.directory / "model" / "validation.txt"
    characters = design.source.characters
    if characters is not None and text.is_file():
        return characters.encode(text.read_text(encoding="utf-8")[:count])
    return np.random.default_rng(seed).integers(0, shape.vocabulary, count).tolist()


def simulate_decoder(
    directory: Path,
    prompt: int = 32,
    tokens: int = 64,
    memories: Sequence[str] = ("none",),
    seed: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> list[DecoderSimulation]:
    """Run a built decoder under memory profiles.

    Raises
    ------
    ValueError
        If the folder is no decoder, a number is out of range or a profile unknown.
    """
    design = DecoderDesign(Path(directory))
    known = ["none"] if design.hardware.memory == "on-chip" else list(MEMORIES)
    names = known if "all" in memories else list(memories)
    for name in names:
        if name not in known:
            raise ValueError(f"Memory must be one of {', '.join(known)} or all, not {name!r}")
    if tokens < 1:
        raise ValueError(f"Number of tokens must be 1 or more, not {tokens}")
    opening = opening_tokens(design, prompt, seed)
    design.check_image()
    count = min(tokens, design.model.shape.context - prompt)
    expected = GoldenDecoder(design.model).generate(opening, count)
    results = []
    for name in names:
        progress(f"Simulating with memory {name}")
        with tempfile.TemporaryDirectory(prefix="sterna-decoder-") as folder:
            work = Path(folder)
            dram = DramConfig(_ANYWHERE, **MEMORIES[name])
            with open_rtl(design, dram=dram, work=work, checkpoints=True, events=True) as decoder:
                run = decoder.run_whole(opening, count)
            timeline = last_pass(read_timeline(work, design.config.core))
            compared = compare_checkpoints(
                work, design.config.core, design.model, opening, run.tokens
            )
        problem = compared.difference
        if run.tokens != expected:
            problem = f"tokens are {run.tokens[:8]}..., not {expected[:8]}...; {problem}"
        if run.errors:
            problem = f"the accelerator reports {', '.join(run.errors)}"
        result = DecoderSimulation(
            memory=name,
            prompt=prompt,
            tokens=tuple(run.tokens),
            cycles=tuple(run.cycles),
            vectors=compared.vectors,
            logits=compared.logits,
            problem=problem,
            counters=run.counters,
            timeline=timeline,
        )
        results.append(result)
        progress(result.line)
    _record(design, opening, results)
    return results


def cycles_line(report: Mapping[str, Any]) -> str | None:
    """One line about predicted and simulated cycles; None if there are none of a simulation."""
    cycles = report["cycles"]
    parts = [
        f"{text} {found['simulated']:,} cycles (predicted {found['predicted']:,})"
        for name, text in (("latency", "first token"), ("interval", "then a token every"))
        if "simulated" in (found := cycles.get(name, {}))
    ]
    if not parts:
        return None
    return f"memory {cycles['memory']}, {cycles['prompt']} tokens in: {', '.join(parts)}"


def _record(
    design: DecoderDesign, opening: Sequence[int], results: Sequence[DecoderSimulation]
) -> None:
    """The runs of this command, in the folder's report; the first one with a steady memory gives
    the cycles."""
    parts: dict[str, Any] = {
        "exact": {
            "words": sum(result.vectors + result.logits for result in results),
            "mismatches": sum(result.problem is not None for result in results),
        },
        "simulation": [
            {
                "memory": result.memory,
                "prompt": result.prompt,
                "tokens": len(result.tokens),
                "cycles": dict(result.counters),
                "token_cycles": list(result.cycles),
                "vectors": result.vectors,
                "logits": result.logits,
                "problem": result.problem,
            }
            for result in results
        ],
    }
    drop = ["exact", "simulation"]
    steady = [result for result in results if result.memory in _STEADY and not result.problem]
    if steady:
        parts["cycles"] = _cycles(design, opening, steady[0])
        drop.append("cycles")
        run = {"memory": steady[0].memory, "position": len(opening) + len(steady[0].tokens) - 2}
        write_schedule(design.directory, steady[0].timeline, run)
        files = read_report(design.directory)["files"]
        parts["files"] = sorted({*files, SCHEDULE_FILE})
    extend_report(design.directory, parts, drop)


def _cycles(
    design: DecoderDesign, opening: Sequence[int], result: DecoderSimulation
) -> dict[str, Any]:
    """Predicted and simulated cycles of a run."""
    memory = DramConfig(_ANYWHERE, **MEMORIES[result.memory]).timing
    if design.hardware.memory == "on-chip":
        memory = design.hardware.memory_timing
    estimate = DecoderEstimate(design.config.core, memory)
    count = len(result.tokens)
    run = estimate.run(len(opening), count, tokens=[*opening, *result.tokens])
    cycles = predicted_cycles(run, len(opening), result.memory)
    latency, interval = simulated_cycles(result.counters["busy_cycles"], result.cycles)
    cycles["latency"]["simulated"] = latency
    if interval is not None:
        cycles["interval"]["simulated"] = interval
    return cycles
