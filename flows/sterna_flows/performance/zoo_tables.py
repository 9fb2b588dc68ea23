"""Tables about networks of the zoo: cycles between frames, tokens, speeds, builds.

`sterna bench zoo` prints them, and `page` has them as sections. Each row has the command that makes
it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..effort import Effort
from .builds import MOST_SECONDS, Build
from .decoder_runs import DecoderPhase, DecoderRun
from .markdown import DASH, table
from .network_runs import NetworkRun

__all__ = [
    "build_table",
    "interval_table",
    "phase_table",
    "speed_table",
    "token_table",
    "zoo_tables",
]


def zoo_tables(
    builds: Sequence[Build],
    networks: Sequence[NetworkRun],
    phases: Sequence[DecoderPhase],
    decoders: Sequence[DecoderRun],
) -> str:
    """What `sterna bench zoo` prints: the tables that are about networks of the zoo."""
    lines = [
        *interval_table(networks),
        *phase_table(phases),
        *token_table(decoders),
        *speed_table(networks, decoders),
        *build_table(builds),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _zoo(model: str, target: str) -> str:
    return f"`sterna bench zoo {model} -t {target}`"


def interval_table(runs: Sequence[NetworkRun]) -> list[str]:
    if not runs:
        return []
    return [
        "## Streaming networks: cycles between frames",
        "",
        "Default settings. *Ideal*: the multiply-accumulates of the slowest layer over those that",
        "its engine can do at once, so without padding, fills and waiting. *Busiest*: cycles that",
        "a frame keeps the busiest part at work; a window or an edge counts too.",
        "",
        *table(
            (
                "network", "device", "ideal", "busiest", "predicted", "simulated",
                "ideal of simulated", "latency predicted", "simulated", "words", "equal", "command",
            ),
            [
                (
                    run.model, run.target, f"{run.ideal:,.1f}", run.busiest, run.predicted[1],
                    run.simulated[1], f"{run.ideal_share:.1%}", run.predicted[0], run.simulated[0],
                    run.words, not run.problems, _zoo(run.model, run.target),
                )
                for run in runs
            ],
        ),
    ]  # fmt: skip


def phase_table(phases: Sequence[DecoderPhase]) -> list[str]:
    if not phases:
        return []
    return [
        "Estimated by the analytic model, with the usual choices of the device:",
        "",
        *table(
            ("decoder", "device", "phase", "tokens", "position", "cycles", "tokens/s",
             "of the roofline", "command"),
            [
                (
                    phase.model, phase.target, phase.name, phase.tokens, phase.position,
                    phase.cycles, f"{phase.tokens_per_second:,.0f} at {phase.clock_mhz:g} MHz",
                    f"{phase.roofline_share:.1%}",
                    f"`sterna estimate {phase.model} -t {phase.target}`",
                )
                for phase in phases
            ],
        ),
    ]  # fmt: skip


def token_table(runs: Sequence[DecoderRun]) -> list[str]:
    if not runs:
        return []
    return [
        "Simulated, with the cycles that the analytic model predicted; vectors of codes and logits",
        "compared:",
        "",
        *table(
            ("decoder", "device", "prompt", "tokens", "first token", "predicted", "then every",
             "predicted", "compared", "equal", "command"),
            [
                (
                    run.model, run.target, run.prompt, run.tokens, run.simulated[0],
                    run.predicted[0], run.simulated[1], run.predicted[1], run.compared,
                    run.problem is None, _zoo(run.model, run.target),
                )
                for run in runs
            ],
        ),
    ]  # fmt: skip


def speed_table(networks: Sequence[NetworkRun], decoders: Sequence[DecoderRun]) -> list[str]:
    if not networks and not decoders:
        return []
    rows: list[Sequence[Any]] = [
        (
            run.model, run.target, run.cycles, f"{run.simulation_seconds:.2f}",
            _speed(run.cycles, run.simulation_seconds), run.golden_samples,
            f"{run.golden_seconds:.2f}", _speed(run.golden_samples, run.golden_seconds),
            _zoo(run.model, run.target),
        )
        for run in networks
    ]  # fmt: skip
    rows += [
        (
            run.model, run.target, run.cycles, f"{run.simulation_seconds:.2f}",
            _speed(run.cycles, run.simulation_seconds), f"{run.golden_tokens} tokens",
            f"{run.golden_seconds:.2f}",
            f"{_speed(run.golden_tokens, run.golden_seconds)} tokens",
            _zoo(run.model, run.target),
        )
        for run in decoders
    ]  # fmt: skip
    return [
        "## Speed of simulation and of the golden model",
        "",
        "Verilator with all comparisons, start of the process included, compilation not; the",
        "golden model on the test set, integers to integers.",
        "",
        *table(
            ("network", "device", "cycles", "seconds", "cycles a second", "golden samples",
             "seconds", "samples a second", "command"),
            rows,
        ),
    ]  # fmt: skip


def _speed(amount: int, seconds: float) -> str:
    return f"{amount / seconds:,.0f}" if seconds else DASH


def build_table(builds: Sequence[Build]) -> list[str]:
    if not builds:
        return []
    slow = [build for build in builds if build.is_slow]
    verdict = "None took" if not slow else f"**{len(slow)} took**"
    made = [build for build in builds if build.effort is not None]
    return [
        "## Builds",
        "",
        "Default settings, each by the command in a fresh process, from the end of its imports on;",
        "memory is the resident peak of the largest process, imports included.",
        f"{verdict} more than {MOST_SECONDS:g} s of processor time.",
        "",
        *table(
            ("network", "device", "seconds by the clock", "processor", "peak MB", "command"),
            [_build_row(build, build.effort) for build in made if build.effort is not None],
        ),
        *(
            f"- `{build.command}` is refused: {build.refusal}"
            for build in builds
            if build.effort is None
        ),
        "",
    ]  # fmt: skip


def _build_row(build: Build, effort: Effort) -> Sequence[Any]:
    processor = f"{effort.processor_seconds:.1f}"
    return (
        build.model,
        build.target,
        f"{effort.seconds:.1f}",
        f"**{processor}**" if build.is_slow else processor,
        f"{effort.peak_bytes / 1e6:,.0f}",
        f"`{build.command}`",
    )
