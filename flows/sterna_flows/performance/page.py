"""The page ``benchmarks.md``: every figure of the performance record, with its command.

Written from the measured objects alone. A figure that was taken from a stored record says so, an
estimate is called one, and what was not looked at is a dash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import engines, unrolled_bench
from ..decoder_large import SEED as LARGE_SEED
from ..decoder_large import published_shape
from .builds import Build
from .decoder_runs import DecoderPhase, DecoderRun
from .engine_tables import EngineFigure, EngineTables
from .markdown import table
from .network_runs import NetworkRun
from .origin import Origin
from .stored_runs import StoredRun
from .zoo_tables import build_table, interval_table, phase_table, speed_table, token_table

__all__ = ["Record", "benchmarks_page"]


@dataclass
class Record:
    """All that was measured or read; ``command`` is the one that does so again. ``published`` is a
    table already."""

    command: str
    origin: Origin
    engines: EngineTables
    builds: list[Build] = field(default_factory=list)
    networks: list[NetworkRun] = field(default_factory=list)
    phases: list[DecoderPhase] = field(default_factory=list)
    decoders: list[DecoderRun] = field(default_factory=list)
    published: str = ""
    stored: list[StoredRun] = field(default_factory=list)


def benchmarks_page(record: Record) -> str:
    """The whole page."""
    origin = record.origin
    versions = ", ".join(f"{name} {version}" for name, version in sorted(origin.versions.items()))
    lines = [
        "# Benchmarks",
        "",
        f"Made by `{record.command}`; do not edit. Measured on {origin.line}.",
        "Speeds and build times are of processor time, tools included, unless called otherwise, so",
        "that they hold on a busy machine. The command of a table or of a row makes its figures",
        f"again. Seeds: random matrices {unrolled_bench.SEED}, placement {engines.SEED}, random",
        f"weights of the 0.7B shape {LARGE_SEED}; samples are the first of the test sets, prompts",
        "the beginning of the validation texts. Simulations have no stalls.",
        "",
        f"Versions: {versions}.",
        "",
        *_engines(record.engines),
        *interval_table(record.networks),
        *_decoders(record),
        *speed_table(record.networks, record.decoders),
        *build_table(record.builds),
        *_placed(record.stored),
        *_origins(record.stored),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _engines(tables: EngineTables) -> list[str]:
    lines = [
        "## Cost of a multiply-accumulate",
        "",
        "LUT, as Yosys counts them, for each multiply-accumulate (MAC) that a whole engine",
        "sustains a cycle, from stored syntheses: ternary weights, 8-bit activations unless said",
        "otherwise. *Same Verilog*: what the sources of now write has the digest of what was",
        "measured. Compare within a table only; the pages named have all rows.",
        "",
    ]
    for title, rows, page, command, other in (
        (
            "The best table engine by select-and-add",
            tables.streaming,
            "engines",
            "engines --full",
            "select-and-add",
        ),
        (
            "The decoder's engine by select-and-add, which gets its codes unpacked and keeps no"
            " totals",
            tables.decoder,
            "decoder-engine",
            "decoder-engine",
            "select-and-add",
        ),
        (
            "Weights fixed in logic by da4ml's own Verilog of the same latency",
            tables.unrolled,
            "unrolled",
            "unrolled --full",
            "da4ml",
        ),
    ):
        sources = "; ".join(sorted({row.source for row in rows}))
        lines += [
            f"{title} ([{page}]({page}.md), `sterna bench {command}`, {sources}):",
            "",
            *table(
                ("case", "engine", "LUT per MAC", other, "ratio", "MHz", "same Verilog"),
                [_engine_row(row) for row in rows],
            ),
        ]
    return lines


def _engine_row(row: EngineFigure) -> Sequence[Any]:
    mhz = None if row.mhz is None else round(row.mhz)
    costs = (f"{row.cost:.2f}", f"{row.baseline_cost:.2f}", f"{row.ratio:.2f}")
    return (row.case, row.engine, *costs, mhz, row.is_current)


def _decoders(record: Record) -> list[str]:
    large = [run for run in record.stored if run.kind == "large"]
    lines = [
        "## Decoders: prompt and token against the memory roofline",
        "",
        *phase_table(record.phases),
        *token_table(record.decoders),
    ]
    if record.published:
        lines += [
            "The 0.7B shape beside what others published (`sterna bench published`):",
            "",
            record.published,
        ]
    if large:
        lines += [
            "The 0.7B shape with random weights in Verilator, every logit compared with the golden",
            "model; stored runs:",
            "",
            *table(
                ("layers", "lanes", "tokens", "position", "cycles", "of the roofline",
                 "tokens/s at the clock", "logits equal", "command"),
                [
                    (
                        run.figures["layers"], run.figures["lanes"], run.figures["prompt"],
                        run.figures["position"], run.figures["cycles"],
                        _percent(run.figures["roofline"]), _rate(run.figures),
                        run.figures["equal"], f"`{run.command}`",
                    )
                    for run in large
                ],
            ),
        ]  # fmt: skip
    return lines


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"


def _rate(figures: Any) -> str | None:
    """Tokens a second; None for a part of the layers, which says nothing of the whole."""
    if figures["layers"] != published_shape(figures["model"]).layers:
        return None
    rate = figures["prompt"] * figures["clock_mhz"] * 1e6 / figures["cycles"]
    return f"{rate:,.1f} at {figures['clock_mhz']:g} MHz"


def _placed(stored: Sequence[StoredRun]) -> list[str]:
    runs = [run for run in stored if run.kind == "placed"]
    if not runs:
        return []
    sources = "; ".join(sorted({run.figures["source"] for run in runs}))
    return [
        "## Placed and routed",
        "",
        f"Stored runs; Fmax is timing analysis of the routed design ({sources}).",
        "",
        *table(
            ("network", "device", "LUT", "FF", "EBR", "interval", "Fmax, MHz", "frames/s at Fmax",
             "command"),
            [
                (
                    run.figures["model"], run.figures["target"], run.figures["lut"],
                    run.figures["ff"], f"{run.figures['bram']:g}", run.figures["interval"],
                    f"{run.figures['fmax_mhz']:.1f}",
                    f"{run.figures['fmax_mhz'] * 1e6 / run.figures['interval']:,.0f}",
                    f"`{run.command}`",
                )
                for run in runs
            ],
        ),
    ]  # fmt: skip


def _origins(stored: Sequence[StoredRun]) -> list[str]:
    if not stored:
        return []
    lines = [
        "## Stored runs",
        "",
        "Not made again with this page, since they take minutes each; `--keep docs/measured.json`",
        "stores a run.",
        "",
    ]
    for run in stored:
        tools = ", ".join(
            f"{name} {run.origin.versions[name]}"
            for name in ("python", "amaranth", "verilator", "yosys", "nextpnr-ecp5")
            if name in run.origin.versions
        )
        lines.append(
            f"- `{run.command}`: {run.origin.line}; {tools};"
            f" {run.effort.processor_seconds:,.0f} s of processor time,"
            f" at most {run.effort.peak_bytes / 1e6:,.0f} MB"
        )
    return lines
