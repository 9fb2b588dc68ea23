"""How a decoder's rates depend on its memory: bandwidth, latency, the gap between bursts.

Every row is the analytic model's, which tests hold to 1 % of simulation; so a sweep takes minutes
instead of days. The first row is the memory that all other documents assume. A gap costs bandwidth
by itself (a port rests after each burst), so the share of the roofline is told of what the ports
can take without gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.shape import DecoderShape
from sterna_hw.base import find_device

from .decoder_estimate import Workload, estimate_decoder

__all__ = ["MEMORIES", "SweepRow", "as_markdown", "sweep_memories"]

TARGET = "xck26"

MEMORIES: tuple[tuple[float, int, int], ...] = (
    (16.0, 40, 0),
    (13.3, 40, 0),
    (10.0, 40, 0),
    (16.0, 100, 0),
    (16.0, 200, 0),
    (16.0, 400, 0),
    (16.0, 40, 2),
    (16.0, 40, 4),
    (16.0, 40, 8),
    (13.3, 100, 4),
)
"""GB/s of all ports together, cycles of latency, cycles between two bursts of a port."""


@dataclass(frozen=True)
class SweepRow:
    """A memory, and what the decoder would reach with it."""

    bandwidth: float
    latency: int
    gap: int
    decode_rate: float
    decode_share: float
    prompt_seconds: float


def sweep_memories(
    name: str,
    shape: DecoderShape,
    hardware: DecoderHardware,
    prompt: int,
    progress: Callable[[str], None] = lambda line: None,
    memories: Sequence[tuple[float, int, int]] = MEMORIES,
) -> list[SweepRow]:
    """A row for each memory; decode is the token behind the prompt."""
    rows = []
    clock = find_device(TARGET).clock_mhz
    for bandwidth, latency, gap in memories:
        progress(f"{bandwidth:g} GB/s, latency {latency}, gap {gap}")
        workload = Workload(clock, prompt, None, bandwidth, latency, gap)
        told = estimate_decoder(name, shape, TARGET, hardware, workload, synthetic=True)
        prefill, decode = told["phases"]
        rows.append(
            SweepRow(
                bandwidth,
                latency,
                gap,
                decode["tokens_per_second"],
                decode["roofline_share"],
                prefill["milliseconds"] / 1e3,
            )
        )
    return rows


def as_markdown(rows: Sequence[SweepRow]) -> str:
    """The rows as a table."""
    lines = [
        "| GB/s | latency, cycles | gap, cycles | tokens/s | of the roofline | first token, s |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.bandwidth:g} | {row.latency} | {row.gap} | {row.decode_rate:.1f} "
        f"| {row.decode_share:.1%} | {row.prompt_seconds:.3f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
