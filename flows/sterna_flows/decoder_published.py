"""The 0.7B shape beside what others have published for it.

The others' figures are theirs, measured on boards unless said otherwise, with the source of each;
ours are the analytic model's at the device's clock and the memory that the page assumes, and no
board has run them. The two kinds never share a column heading that hides it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.shape import DecoderShape
from sterna_hw.base import find_device

from .decoder_estimate import Workload, estimate_decoder
from .decoder_sweep import TARGET

__all__ = ["OTHERS", "Published", "compare_with_published"]

PROMPT = 128
BANDWIDTHS = (16.0, 13.3)


class Published(NamedTuple):
    """A row: who, where, rate of decode, time to the first of 128 tokens, share of the roofline,
    and what kind of figures these are with their source."""

    work: str
    platform: str
    decode: str
    first_token: str
    roofline: str
    kind: str


OTHERS = (
    Published(
        "TeLLMe v2", "KV260, 250 MHz", "up to 25", "0.96 s", "27 to 33 %",
        "measured, arXiv 2510.15926; share derived",
    ),
    Published(
        "PD-Swap", "KV260", "27.8", "", "about 30 %", "measured, arXiv 2512.11550; share derived"
    ),
    Published(
        "fpga-pynq-z1", "PYNQ-Z1, about 2 GB/s", "8.0", "", "60 %",
        "measured, its repository; share derived",
    ),
)  # fmt: skip
"""Other accelerators that run the 0.7B model."""


def compare_with_published(
    shape: DecoderShape,
    hardware: DecoderHardware,
    progress: Callable[[str], None] = lambda line: None,
    prompt: int = PROMPT,
) -> str:
    """The table in Markdown."""
    clock = find_device(TARGET).clock_mhz
    rows = list(OTHERS)
    for bandwidth in BANDWIDTHS:
        progress(f"Estimating at {bandwidth:g} GB/s")
        workload = Workload(clock, prompt, bandwidth=bandwidth)
        told = estimate_decoder("bitnet-0.7b", shape, TARGET, hardware, workload, synthetic=True)
        prefill, decode = told["phases"]
        rows.append(
            Published(
                f"Sterna, {hardware.lanes} lanes",
                f"{TARGET}, {clock:g} MHz, {bandwidth:g} GB/s",
                f"{decode['tokens_per_second']:.1f}",
                f"{prefill['milliseconds'] / 1e3:.2f} s",
                f"{decode['roofline_share']:.1%}",
                "estimated by the analytic model; not on a board",
            )
        )
    heads = (
        "work",
        "platform",
        "tokens/s",
        f"first of {prompt} tokens",
        "of the memory roofline",
        "kind",
    )
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"
