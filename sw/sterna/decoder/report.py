"""What a decoder's report has in common with those of other designs: layers and cycles.

A decoder's layers share all of its hardware, so an entry of ``layers`` has no resources of its own;
those are told by unit. Cycles are of a stated run under a stated memory: ``latency`` those of a run
that takes in a prompt and gives one token, ``interval`` the mean of those from one token to the
next. They are predicted by the analytic model (`estimate`); a simulation of the same run puts its
figures beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.decoder.instruction import Opcode

from .estimate import InstructionTimes, PassTimes, RunTimes

__all__ = ["layer_entries", "layer_of", "predicted_cycles", "simulated_cycles"]

_BEGIN = (Opcode.STREAM, Opcode.EMBED, Opcode.ROTATION)


def layer_of(step: InstructionTimes, layers: int) -> str:
    """Where an instruction belongs: ``begin`` (embedding and rotations), ``layers.N``, or ``head``
    with its norm."""
    if step.opcode in _BEGIN:
        return "begin"
    return "head" if step.layer == layers else f"layers.{step.layer}"


def layer_entries(core: DecoderCoreConfig, layers: int, token: PassTimes) -> list[dict[str, Any]]:
    """The report's ``layers``, with the cycles of one token's pass."""
    cycles: dict[str, float] = {}
    for step in token.instructions:
        name = layer_of(step, layers)
        cycles[name] = cycles.get(name, 0.0) + step.end - step.begin
    parallelism = {
        "lanes": core.lanes,
        "ports": core.ports,
        "tables": core.tables,
        "group": core.group,
        "queries": core.queries,
    }
    return [
        {"name": name, "engine": "decoder", "parallelism": parallelism, "cycles": round(amount)}
        for name, amount in cycles.items()
    ]


def predicted_cycles(run: RunTimes, prompt: int, memory: str) -> dict[str, Any]:
    """The report's ``cycles`` for an estimated run; ``memory`` names that of the simulation."""
    interval = run.interval
    return {
        "prompt": prompt,
        "tokens": len(run.tokens),
        "memory": memory,
        "latency": {"predicted": round(run.latency)},
        **({} if interval is None else {"interval": {"predicted": round(interval)}}),
    }


def simulated_cycles(busy: int, tokens: Sequence[int]) -> tuple[int, int | None]:
    """Latency and interval of a simulated run, from its cycles and those of its tokens."""
    span = tokens[-1] - tokens[0]
    interval = round(span / (len(tokens) - 1)) if len(tokens) > 1 else None
    return busy - span, interval
